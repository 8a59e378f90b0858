//! Writes `model.json`. By hand, as it is read: derived writers were a tenth of the program that trains in a page.

#[cfg(feature = "texts")]
use super::data::Notation;
use super::data::{Data, LogMel};
use super::description::{
    Activation, Condition, Convolution, Drawing, Example, ImageShape, LatentGroup, Layer,
    Likelihood, ModelSpec, Prior, Subject, Training, WeightsFile,
};
use super::json::quote;
use crate::Precision;

/// The text of a description, its fields in their order; those that say nothing are left out.
pub(super) fn json(spec: &ModelSpec) -> String {
    let ModelSpec {
        format,
        name,
        title,
        subject,
        first,
        lacks,
        input,
        data,
        condition,
        likelihood,
        latents,
        encoder,
        decoder,
        weights,
        examples,
        training,
        licence,
        credit,
    } = spec;
    let mut object = Object::new();
    object.text("format", format);
    object.text("name", name);
    object.text("title", title);
    if let Some(subject) = subject {
        object.json("subject", &of_subject(subject));
    }
    if !first.is_empty() {
        object.list("first", first.iter().map(|view| quoted(view)).collect());
    }
    if let Some(lacks) = lacks {
        object.text("lacks", lacks);
    }
    object.json("input", &of_shape(input));
    if *data != Data::Image {
        object.json("data", &of_data(data));
    }
    if let Some(condition) = condition {
        object.json("condition", &of_condition(condition));
    }
    object.json("likelihood", &of_likelihood(likelihood));
    object.list("latents", latents.iter().map(of_group).collect());
    object.list("encoder", encoder.iter().map(of_layer).collect());
    object.list("decoder", decoder.iter().map(of_layer).collect());
    object.json("weights", &of_weights(weights));
    if !examples.is_empty() {
        object.list("examples", examples.iter().map(of_example).collect());
    }
    if let Some(training) = training {
        object.json("training", &of_training(training));
    }
    object.text("licence", licence);
    object.text("credit", credit);
    object.end()
}

fn of_subject(subject: &Subject) -> String {
    let mut object = Object::new();
    object.text("one", &subject.one);
    object.text("many", &subject.many);
    if let Some(unseen) = &subject.unseen {
        object.text("unseen", unseen);
    }
    match subject.drawing {
        Some(Drawing::Mnist) => object.text("drawing", "mnist"),
        Some(Drawing::Ink) => object.text("drawing", "ink"),
        None => {}
    }
    object.end()
}

fn of_shape(shape: &ImageShape) -> String {
    let mut object = Object::new();
    object.count("channels", shape.channels);
    object.count("height", shape.height);
    object.count("width", shape.width);
    object.end()
}

fn of_data(data: &Data) -> String {
    let mut object = Object::new();
    match data {
        Data::Image => object.text("kind", "image"),
        Data::Sound(scale) => {
            let LogMel {
                rate,
                window,
                hop,
                lowest,
                highest,
                range,
            } = scale;
            object.text("kind", "sound");
            object.count("rate", *rate);
            object.count("window", *window);
            object.count("hop", *hop);
            object.number("lowest", *lowest);
            object.number("highest", *highest);
            object.number("range", *range);
        }
        #[cfg(feature = "texts")]
        Data::Sequence(spelling) => {
            let symbols = spelling.symbols.iter().map(|symbol| quoted(symbol));
            object.text("kind", "sequence");
            object.list("symbols", symbols.collect());
            object.count("end", spelling.end);
            object.json("capitals", &spelling.capitals.to_string());
            if let Some(Notation::Selfies) = spelling.notation {
                object.text("notation", "selfies");
            }
        }
    }
    object.end()
}

fn of_condition(condition: &Condition) -> String {
    let mut object = Object::new();
    object.text("name", &condition.name);
    let classes = condition.classes.iter().map(|class| quoted(class));
    object.list("classes", classes.collect());
    object.end()
}

fn of_likelihood(likelihood: &Likelihood) -> String {
    let mut object = Object::new();
    match likelihood {
        Likelihood::Bernoulli => object.text("kind", "bernoulli"),
        Likelihood::Gaussian { sigma } => {
            object.text("kind", "gaussian");
            object.number("sigma", *sigma);
        }
        #[cfg(feature = "texts")]
        Likelihood::Categorical { symbols } => {
            object.text("kind", "categorical");
            object.count("symbols", *symbols);
        }
    }
    object.end()
}

fn of_group(group: &LatentGroup) -> String {
    let mut object = Object::new();
    object.text("name", &group.name);
    object.count("size", group.size);
    let mut prior = Object::new();
    match &group.prior {
        Prior::StandardNormal => prior.text("kind", "standard_normal"),
        Prior::Mixture { components, params } => {
            prior.text("kind", "mixture");
            prior.count("components", *components);
            prior.text("params", params);
        }
    }
    object.json("prior", &prior.end());
    if !group.kl.is_empty() {
        object.list("kl", group.kl.iter().map(|kl| number(*kl)).collect());
    }
    object.end()
}

fn of_layer(layer: &Layer) -> String {
    let mut object = Object::new();
    match layer {
        Layer::Linear {
            inputs,
            outputs,
            activation,
            params,
        } => {
            object.text("type", "linear");
            object.count("inputs", *inputs);
            object.count("outputs", *outputs);
            object.text("activation", name_of(*activation));
            object.text("params", params);
        }
        Layer::Conv2d(convolution) => object.convolution("conv2d", convolution),
        Layer::ConvTranspose2d(convolution) => object.convolution("conv_transpose2d", convolution),
        Layer::Residual { layers, activation } => {
            object.text("type", "residual");
            object.list("layers", layers.iter().map(of_layer).collect());
            object.text("activation", name_of(*activation));
        }
        Layer::Reshape {
            channels,
            height,
            width,
        } => {
            object.text("type", "reshape");
            object.count("channels", *channels);
            object.count("height", *height);
            object.count("width", *width);
        }
        Layer::Condition {
            outputs,
            activation,
            params,
        } => {
            object.text("type", "condition");
            object.count("outputs", *outputs);
            object.text("activation", name_of(*activation));
            object.text("params", params);
        }
        Layer::Context {
            reach,
            outputs,
            activation,
            params,
        } => {
            object.text("type", "context");
            object.count("reach", *reach);
            object.count("outputs", *outputs);
            object.text("activation", name_of(*activation));
            object.text("params", params);
        }
        Layer::Upsample {} => object.text("type", "upsample"),
    }
    object.end()
}

fn name_of(activation: Activation) -> &'static str {
    match activation {
        Activation::None => "none",
        Activation::Relu => "relu",
        Activation::Silu => "silu",
        Activation::Sigmoid => "sigmoid",
        Activation::Gelu => "gelu",
        Activation::GeluTanh => "gelu_tanh",
        Activation::Elu => "elu",
        Activation::Softplus => "softplus",
        Activation::LogSquare => "log_square",
    }
}

fn of_weights(weights: &WeightsFile) -> String {
    let mut object = Object::new();
    object.text("file", &weights.file);
    object.count("bytes", weights.bytes);
    object.text("sha256", &weights.sha256);
    let precision = match weights.precision {
        Precision::I8 => "i8",
        Precision::F16 => "f16",
        Precision::F32 => "f32",
    };
    object.text("precision", precision);
    object.end()
}

fn of_example(example: &Example) -> String {
    let mut object = Object::new();
    object.text("label", &example.label);
    let pixels = example.pixels.iter().map(|&pixel| usize::from(pixel));
    object.list("pixels", pixels.map(|pixel| pixel.to_string()).collect());
    object.end()
}

fn of_training(training: &Training) -> String {
    let mut object = Object::new();
    object.text("data", &training.data);
    object.count("epochs", training.epochs);
    object.number("beta", training.beta);
    object.json("seed", &training.seed.to_string());
    object.end()
}

/// An object that is being written.
struct Object(String);

impl Object {
    fn new() -> Self {
        Self("{".into())
    }

    /// A field whose value is JSON already.
    fn json(&mut self, name: &str, value: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        quote(name, &mut self.0);
        self.0.push(':');
        self.0 += value;
    }

    fn text(&mut self, name: &str, value: &str) {
        self.json(name, &quoted(value));
    }

    fn count(&mut self, name: &str, value: usize) {
        self.json(name, &value.to_string());
    }

    fn number(&mut self, name: &str, value: f32) {
        self.json(name, &number(value));
    }

    fn list(&mut self, name: &str, values: Vec<String>) {
        self.json(name, &["[", &values.join(","), "]"].concat());
    }

    fn convolution(&mut self, kind: &str, convolution: &Convolution) {
        self.text("type", kind);
        self.count("in_channels", convolution.in_channels);
        self.count("out_channels", convolution.out_channels);
        self.count("kernel", convolution.kernel);
        self.count("stride", convolution.stride);
        self.count("padding", convolution.padding);
        self.text("activation", name_of(convolution.activation));
        self.text("params", &convolution.params);
    }

    fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

fn number(value: f32) -> String {
    match value.is_finite() {
        true => decimal(value),
        false => "null".into(),
    }
}

fn quoted(text: &str) -> String {
    let mut json = String::new();
    quote(text, &mut json);
    json
}

/// The shortest decimal that reads as this number, for JSON and for errors: the standard library's writer of numbers is 14 KB
/// of a page's program.
pub fn decimal(value: f32) -> String {
    zmij::Buffer::new().format(value).into()
}
