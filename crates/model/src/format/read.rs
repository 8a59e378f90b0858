//! How the structs of `model.json` are read; their fields are explained in `description.rs`.

use super::data::Data;
use super::description::{
    Activation, Condition, Convolution, Drawing, Example, FILE, FORMAT, ImageShape, LatentGroup,
    Layer, Likelihood, ModelSpec, Prior, Subject, Training, WeightsFile,
};
use super::json::{Field, Object};
use crate::{ACTIVATIONS, CONDITIONS, CONTEXTS, Error, Precision, Result};

/// The layers there are.
const LAYERS: &str = match (CONDITIONS, CONTEXTS) {
    (true, true) => {
        "linear, conv2d, conv_transpose2d, residual, reshape, upsample, condition or context"
    }
    (true, false) => "linear, conv2d, conv_transpose2d, residual, reshape, upsample or condition",
    _ => "linear, conv2d, conv_transpose2d, residual, reshape or upsample",
};

/// The likelihoods there are.
const LIKELIHOODS: &str = match cfg!(feature = "texts") {
    true => "bernoulli, gaussian or categorical",
    false => "bernoulli or gaussian",
};

/// The activations there are.
const FUNCTIONS: &str = match ACTIVATIONS {
    true => "none, relu, silu, sigmoid, gelu, gelu_tanh, elu, softplus or log_square",
    false => "none, relu, silu or sigmoid",
};

impl ModelSpec {
    pub(crate) fn read(field: &Field<'_>) -> Result<Self> {
        let mut object = field.object()?;
        // Another version is named before its fields are complained of.
        let format = text(&mut object, "format")?;
        if format != FORMAT {
            return Err(Error::field(FILE, "format", FORMAT, format));
        }
        let spec = Self {
            format,
            name: text(&mut object, "name")?,
            title: text(&mut object, "title")?,
            subject: match object.find("subject") {
                Some(subject) => Some(Subject::read(&subject)?),
                None => None,
            },
            // The page knows it from the list of models.
            first: match object.find("first") {
                Some(first) if cfg!(feature = "write") => {
                    first.list(|view| Ok(view.text()?.into()))?
                }
                _ => Vec::new(),
            },
            lacks: match object.find("lacks") {
                Some(lacks) if cfg!(feature = "write") => Some(lacks.text()?.into()),
                _ => None,
            },
            input: ImageShape::read(&object.take("input")?)?,
            data: match object.find("data") {
                Some(data) if Data::IS_READ => Data::read(&data)?,
                _ => Data::Image,
            },
            // Where it is not read, it is a field that nobody knows.
            condition: match CONDITIONS.then(|| object.find("condition")).flatten() {
                Some(condition) => Some(Condition::read(&condition)?),
                None => None,
            },
            likelihood: Likelihood::read(&object.take("likelihood")?)?,
            latents: object.take("latents")?.list(LatentGroup::read)?,
            encoder: object.take("encoder")?.list(Layer::read)?,
            decoder: object.take("decoder")?.list(Layer::read)?,
            weights: WeightsFile::read(&object.take("weights")?)?,
            examples: match object.find("examples") {
                Some(examples) => examples.list(Example::read)?,
                None => Vec::new(),
            },
            training: match object.find("training") {
                Some(training) => Some(Training::read(&training)?),
                None => None,
            },
            licence: text(&mut object, "licence")?,
            credit: text(&mut object, "credit")?,
        };
        object.finish()?;
        Ok(spec)
    }
}

impl Subject {
    fn read(field: &Field<'_>) -> Result<Self> {
        let mut object = field.object()?;
        let subject = Self {
            one: text(&mut object, "one")?,
            many: text(&mut object, "many")?,
            unseen: match object.find("unseen") {
                Some(unseen) => Some(unseen.text()?.into()),
                None => None,
            },
            drawing: match object.find("drawing") {
                Some(drawing) => Some(match drawing.text()? {
                    "mnist" => Drawing::Mnist,
                    "ink" => Drawing::Ink,
                    _ => return Err(drawing.wrong("mnist or ink")),
                }),
                None => None,
            },
        };
        object.finish()?;
        Ok(subject)
    }
}

impl Condition {
    fn read(field: &Field<'_>) -> Result<Self> {
        let mut object = field.object()?;
        let condition = Self {
            name: text(&mut object, "name")?,
            classes: object
                .take("classes")?
                .list(|class| Ok(class.text()?.into()))?,
        };
        object.finish()?;
        Ok(condition)
    }
}

impl ImageShape {
    fn read(field: &Field<'_>) -> Result<Self> {
        let mut object = field.object()?;
        let input = Self {
            channels: count(&mut object, "channels")?,
            height: count(&mut object, "height")?,
            width: count(&mut object, "width")?,
        };
        object.finish()?;
        Ok(input)
    }
}

impl Likelihood {
    fn read(field: &Field<'_>) -> Result<Self> {
        let mut object = field.object()?;
        let kind = object.take("kind")?;
        let likelihood = match kind.text()? {
            "bernoulli" => Self::Bernoulli,
            "gaussian" => Self::Gaussian {
                sigma: object.take("sigma")?.number()?,
            },
            #[cfg(feature = "texts")]
            "categorical" => Self::Categorical {
                symbols: count(&mut object, "symbols")?,
            },
            _ => return Err(kind.wrong(LIKELIHOODS)),
        };
        object.finish()?;
        Ok(likelihood)
    }
}

impl LatentGroup {
    fn read(field: &Field<'_>) -> Result<Self> {
        let mut object = field.object()?;
        let group = Self {
            name: text(&mut object, "name")?,
            size: count(&mut object, "size")?,
            prior: Prior::read(&object.take("prior")?)?,
            kl: match object.find("kl") {
                Some(kl) => kl.list(Field::number)?,
                None => Vec::new(),
            },
        };
        object.finish()?;
        Ok(group)
    }
}

impl Prior {
    fn read(field: &Field<'_>) -> Result<Self> {
        let mut object = field.object()?;
        let kind = object.take("kind")?;
        let prior = match kind.text()? {
            "standard_normal" => Self::StandardNormal,
            "mixture" => Self::Mixture {
                components: count(&mut object, "components")?,
                params: text(&mut object, "params")?,
            },
            _ => return Err(kind.wrong("standard_normal or mixture")),
        };
        object.finish()?;
        Ok(prior)
    }
}

impl Layer {
    fn read(field: &Field<'_>) -> Result<Self> {
        let mut object = field.object()?;
        let kind = object.take("type")?;
        let o = &mut object;
        let layer = match kind.text()? {
            "linear" => Self::Linear {
                inputs: count(o, "inputs")?,
                outputs: count(o, "outputs")?,
                activation: activation(o)?,
                params: text(o, "params")?,
            },
            "conv2d" => Self::Conv2d(convolution(o)?),
            "conv_transpose2d" => Self::ConvTranspose2d(convolution(o)?),
            "residual" => Self::Residual {
                layers: o.take("layers")?.list(Self::read)?,
                activation: activation(o)?,
            },
            "reshape" => Self::Reshape {
                channels: count(o, "channels")?,
                height: count(o, "height")?,
                width: count(o, "width")?,
            },
            "condition" if CONDITIONS => Self::Condition {
                outputs: count(o, "outputs")?,
                activation: activation(o)?,
                params: text(o, "params")?,
            },
            "context" if CONTEXTS => Self::Context {
                reach: count(o, "reach")?,
                outputs: count(o, "outputs")?,
                activation: activation(o)?,
                params: text(o, "params")?,
            },
            "upsample" => Self::Upsample {},
            _ => {
                return Err(kind.wrong(LAYERS));
            }
        };
        object.finish()?;
        Ok(layer)
    }
}

impl WeightsFile {
    fn read(field: &Field<'_>) -> Result<Self> {
        let mut object = field.object()?;
        let weights = Self {
            file: text(&mut object, "file")?,
            bytes: count(&mut object, "bytes")?,
            sha256: text(&mut object, "sha256")?,
            precision: match object.find("precision") {
                Some(precision) => Precision::read(&precision)?,
                None => Precision::F32,
            },
        };
        object.finish()?;
        Ok(weights)
    }
}

impl Example {
    fn read(field: &Field<'_>) -> Result<Self> {
        let pixel = |field: &Field<'_>| {
            let value = u8::try_from(field.count()?);
            value.map_err(|_| field.wrong("0 to 255"))
        };
        let mut object = field.object()?;
        let example = Self {
            label: text(&mut object, "label")?,
            pixels: object.take("pixels")?.list(pixel)?,
        };
        object.finish()?;
        Ok(example)
    }
}

impl Training {
    fn read(field: &Field<'_>) -> Result<Self> {
        let mut object = field.object()?;
        let training = Self {
            data: text(&mut object, "data")?,
            epochs: count(&mut object, "epochs")?,
            beta: object.take("beta")?.number()?,
            seed: count(&mut object, "seed")? as u64,
        };
        object.finish()?;
        Ok(training)
    }
}

fn text(object: &mut Object<'_>, name: &'static str) -> Result<String> {
    Ok(object.take(name)?.text()?.into())
}

fn count(object: &mut Object<'_>, name: &'static str) -> Result<usize> {
    object.take(name)?.count()
}

fn convolution(o: &mut Object<'_>) -> Result<Convolution> {
    Ok(Convolution {
        in_channels: count(o, "in_channels")?,
        out_channels: count(o, "out_channels")?,
        kernel: count(o, "kernel")?,
        stride: count(o, "stride")?,
        padding: count(o, "padding")?,
        activation: activation(o)?,
        params: text(o, "params")?,
    })
}

fn activation(object: &mut Object<'_>) -> Result<Activation> {
    let Some(field) = object.find("activation") else {
        return Ok(Activation::None);
    };
    Ok(match field.text()? {
        "none" => Activation::None,
        "relu" => Activation::Relu,
        "silu" => Activation::Silu,
        "sigmoid" => Activation::Sigmoid,
        "gelu" if ACTIVATIONS => Activation::Gelu,
        "gelu_tanh" if ACTIVATIONS => Activation::GeluTanh,
        "elu" if ACTIVATIONS => Activation::Elu,
        "softplus" if ACTIVATIONS => Activation::Softplus,
        "log_square" if ACTIVATIONS => Activation::LogSquare,
        _ => return Err(field.wrong(FUNCTIONS)),
    })
}
