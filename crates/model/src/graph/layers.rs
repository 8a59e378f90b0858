//! Layers of `model.json` as nodes of a program.
//!
//! One walk infers and checks every shape. Activations, additions and what an upsampling does to
//! the convolution after it are nodes, or are folded, by their own passes; a reshape costs nothing.

use super::ir::{Entry, EntryPoint, Map, Node, Op, Params, Program, Shape, Window, padded};
use crate::format::description::{FILE, ModelSpec, product};
use crate::format::limits::{
    MAX_DIM, MAX_LAYERS, MAX_OPERATIONS, MAX_VALUES, MAX_WINDOW, check_amount, check_dim,
};
use crate::{Activation, CONDITIONS, CONTEXTS, Convolution, Error, Layer, Likelihood, Result};
use std::mem;

impl Program {
    /// Encoder, sample and decoder of a model. What reads the condition takes it as its last input,
    /// a one-hot vector; what decodes with a context takes that before it.
    ///
    /// # Errors
    /// [`Error::Field`] that names the layer whose shape does not fit.
    pub fn of(spec: &ModelSpec) -> Result<Self> {
        let size = spec.input;
        let [image, latent] = [
            [size.height, size.width, size.channels],
            [1, 1, spec.latent_size()],
        ];
        let mut program = Self::default();
        let start = program.value(image);
        let condition = program.condition(spec.classes());
        let mut builder = Builder::at(program, start, [None, condition]);
        let posterior = builder.chain("encoder", &spec.encoder, Some([1, 1, 2 * latent[2]]))?;
        let encoder = builder.program.nodes.len();
        let noise = builder.program.value(latent);
        let z = builder
            .program
            .push(Op::Sample, vec![posterior, noise], latent);
        let mut program = builder.program;
        let context = spec.context().map(|shape| program.value(shape));
        builder = Builder::at(program, z, [context, condition]);
        let mean = builder.chain("decoder", &spec.decoder, Some(image))?;
        let mut program = builder.program;
        let all = program.nodes.len();
        if spec.likelihood == Likelihood::Bernoulli && !program.ends_with(Activation::Sigmoid) {
            return Err(Error::field(
                FILE,
                "decoder",
                "a sigmoid at its end, for the likelihood is bernoulli",
                "another activation",
            ));
        }
        let activates = |node: &Node| matches!(node.op, Op::Activate(_));
        if spec.likelihood.is_categorical() && program.nodes.last().is_some_and(activates) {
            return Err(Error::field(
                FILE,
                "decoder",
                "no activation at its end, for the likelihood is categorical",
                "one",
            ));
        }
        program.entries = vec![
            Entry {
                name: EntryPoint::Encode,
                inputs: vec![start],
                outputs: vec![posterior],
                range: 0..encoder,
            },
            Entry {
                name: EntryPoint::Decode,
                inputs: with(vec![z], context),
                outputs: vec![mean],
                range: encoder + 1..all,
            },
            Entry {
                name: EntryPoint::Autoencode,
                inputs: with(vec![start, noise], context),
                outputs: vec![posterior, z, mean],
                range: 0..all,
            },
        ];
        program.add_input(condition);
        Ok(program)
    }

    /// A chain of layers by itself, which reads `input` and must end at `output`, if that is given;
    /// errors name its layers `field[0]` and so on.
    ///
    /// # Errors
    /// [`Error::Field`] that names the layer whose shape does not fit.
    pub fn chain(
        field: &str,
        input: Shape,
        layers: &[Layer],
        output: Option<Shape>,
    ) -> Result<Self> {
        Self::conditional_chain(field, input, (None, 0), layers, output)
    }

    /// The same with a `context` of this shape as another input, if there is one, and the one-hot vector of so
    /// many `classes` as the last, if there are any.
    ///
    /// # Errors
    /// As [`Program::chain`].
    pub fn conditional_chain(
        field: &str,
        input: Shape,
        (context, classes): (Option<Shape>, usize),
        layers: &[Layer],
        output: Option<Shape>,
    ) -> Result<Self> {
        let mut program = Self::default();
        let start = program.value(input);
        let context = context.map(|shape| program.value(shape));
        let condition = program.condition(classes);
        let mut builder = Builder::at(program, start, [context, condition]);
        let end = builder.chain(field, layers, output)?;
        let mut program = builder.program;
        program.entries = vec![Entry {
            name: EntryPoint::Forward,
            inputs: with(vec![start], context),
            outputs: vec![end],
            range: 0..program.nodes.len(),
        }];
        program.add_input(condition);
        Ok(program)
    }

    /// Adds the value of a condition, if there are classes.
    fn condition(&mut self, classes: usize) -> Option<usize> {
        (CONDITIONS && classes > 0).then(|| self.value([1, 1, classes]))
    }

    /// Adds a condition to the inputs of all entry points.
    fn add_input(&mut self, condition: Option<usize>) {
        if let (true, Some(condition)) = (CONDITIONS, condition) {
            for entry in &mut self.entries {
                entry.inputs.push(condition);
            }
        }
    }

    /// Whether the last node is this activation.
    fn ends_with(&self, activation: Activation) -> bool {
        let last = self.nodes.last();
        last.is_some_and(|node| node.op == Op::Activate(activation))
    }
}

const AFTER_UPSAMPLE: &str = "after upsample a conv2d of kernel 3, stride 1 and padding 1";

/// The walk over the layers: where it is, and what it has made so far.
struct Builder {
    program: Program,
    /// Nodes and values before this chain of layers.
    start: [usize; 2],
    current: usize,
    shape: Shape,
    /// The value of the context.
    context: Option<usize>,
    /// The value of the condition.
    condition: Option<usize>,
    /// How many symbols before each place are read, once a layer has read them.
    reach: Option<usize>,
    /// Whether the layer before was an upsampling.
    upsample: bool,
}

impl Builder {
    /// At a value of a program.
    fn at(program: Program, value: usize, [context, condition]: [Option<usize>; 2]) -> Self {
        Self {
            start: [program.nodes.len(), value],
            shape: program.values[value].shape,
            current: value,
            context,
            condition,
            reach: None,
            upsample: false,
            program,
        }
    }

    /// Adds a chain of layers, which must end at `output`. Returns their last value.
    fn chain(&mut self, field: &str, layers: &[Layer], output: Option<Shape>) -> Result<usize> {
        self.layers(field, layers)?;
        let output = output.unwrap_or(self.shape);
        // A vector has no height or width of its own, so it may stand for any image of its length.
        let vector = output[..2] == [1, 1] && len(self.shape) == output[2];
        if self.shape != output && !vector {
            let found = show(self.shape);
            let expected = format!("an output of {}", show(output));
            return Err(Error::field(FILE, field, expected, found));
        }
        if self.program.nodes.len() == self.start[0] {
            return Err(Error::field(FILE, field, "at least one layer", "none"));
        }
        self.program.values[self.current].is_vector = output[..2] == [1, 1];
        Ok(self.current)
    }

    /// Fails where the chain, which ends with the layer called `field` so far, asks for more
    /// than a machine should give.
    fn check(&self, field: &str) -> Result<()> {
        let [first, start] = self.start;
        let shape = |value: usize| self.program.values[value].shape;
        let (mut values, mut weights, mut operations) = (padded(shape(start), 4), 0.0, 0.0);
        let (mut patches, mut layers) = (0.0, 0.0);
        for node in &self.program.nodes[first..] {
            let Op::Map(map, _) = &node.op else {
                continue;
            };
            let shapes = [node.inputs[0], node.output].map(shape);
            layers += 1.0;
            values += padded(shapes[1], 4);
            weights += map.packed(shapes);
            operations += map.operations();
            patches = map.patches();
        }
        for (what, amount, most) in [
            ("layers", layers, MAX_LAYERS as f64),
            ("values up to here", values, MAX_VALUES),
            ("packed weights up to here", weights, MAX_VALUES),
            ("values in its patches", patches, MAX_VALUES),
            ("operations up to here", operations, MAX_OPERATIONS),
        ] {
            check_amount(field, what, amount, most)?;
        }
        Ok(())
    }

    fn layers(&mut self, chain: &str, layers: &[Layer]) -> Result<()> {
        for (i, layer) in layers.iter().enumerate() {
            let field = format!("{chain}[{i}]");
            if self.upsample && !matches!(layer, Layer::Conv2d(_)) {
                return Err(Error::field(FILE, field, AFTER_UPSAMPLE, "another layer"));
            }
            if CONTEXTS && self.reach.is_some() && !is_of_places(layer) {
                let expected = "after context only conv2d of kernel 1, stride 1 and padding 0";
                return Err(Error::field(FILE, field, expected, "another layer"));
            }
            self.layer(&field, layer)?;
        }
        if self.upsample {
            return Err(Error::field(FILE, chain, AFTER_UPSAMPLE, "the end"));
        }
        Ok(())
    }

    fn layer(&mut self, field: &str, layer: &Layer) -> Result<()> {
        match layer {
            Layer::Linear {
                inputs,
                outputs,
                activation,
                params,
            } => {
                check_dim(&format!("{field}.outputs"), *outputs, MAX_DIM)?;
                self.expect(&format!("{field}.inputs"), len(self.shape), *inputs)?;
                let map = Map::Linear {
                    inputs: *inputs,
                    outputs: *outputs,
                };
                let weight = vec![*inputs, *outputs];
                self.push(field, map, params, weight, *activation, [1, 1, *outputs])
            }
            Layer::Conv2d(convolution) => self.convolve(field, false, convolution),
            Layer::ConvTranspose2d(convolution) => self.convolve(field, true, convolution),
            Layer::Residual { layers, activation } => self.residual(field, layers, *activation),
            Layer::Reshape {
                channels,
                height,
                width,
            } => {
                for (name, dim) in [("channels", channels), ("height", height), ("width", width)] {
                    check_dim(&format!("{field}.{name}"), *dim, MAX_DIM)?;
                }
                let shape = [*height, *width, *channels];
                self.expect(field, len(self.shape), len(shape))?;
                // A runtime may pad channels, so only a linear layer can write any shape.
                if !self.reshape(shape) {
                    let found = "another place";
                    return Err(Error::field(FILE, field, "a linear layer before it", found));
                }
                self.shape = shape;
                // Padded channels may be many more values now.
                self.check(field)
            }
            Layer::Condition {
                outputs,
                activation,
                params,
            } if CONDITIONS => self.add_condition(field, *outputs, *activation, params),
            &Layer::Context {
                reach,
                outputs,
                activation,
                ref params,
            } if CONTEXTS => self.add_context(field, [reach, outputs], activation, params),
            // Nothing reads one.
            Layer::Condition { .. } | Layer::Context { .. } => Ok(()),
            Layer::Upsample {} => {
                self.upsample = true;
                Ok(())
            }
        }
    }

    /// Adds a linear map of the condition to what there is.
    fn add_condition(
        &mut self,
        field: &str,
        outputs: usize,
        activation: Activation,
        params: &str,
    ) -> Result<()> {
        let Some(condition) = self.condition else {
            let expected = "a condition of the model";
            return Err(Error::field(FILE, field, expected, "none"));
        };
        check_dim(&format!("{field}.outputs"), outputs, MAX_DIM)?;
        let (before, shape) = (self.current, [1, 1, outputs]);
        if self.shape != shape {
            let expected = format!("a vector of {outputs} values before it");
            return Err(Error::field(FILE, field, expected, show(self.shape)));
        }
        let inputs = self.program.values[condition].len();
        let map = Map::Linear { inputs, outputs };
        self.current = condition;
        let none = Activation::None;
        self.push(field, map, params, vec![inputs, outputs], none, shape)?;
        let inputs = vec![before, self.current];
        self.current = self.program.push(Op::Add, inputs, shape);
        self.activate(activation);
        Ok(())
    }

    /// Adds a linear map of the symbols before each place to what there is.
    fn add_context(
        &mut self,
        field: &str,
        [reach, outputs]: [usize; 2],
        activation: Activation,
        params: &str,
    ) -> Result<()> {
        let Some(context) = self.context else {
            let expected = "no context but in a decoder of texts, `[V, 1, T]`";
            return Err(Error::field(FILE, field, expected, "one"));
        };
        let read = self.program.values[context].shape;
        let [_, width, channels] = read;
        let (of_reach, of_outputs) = (format!("{field}.reach"), format!("{field}.outputs"));
        check_dim(&of_reach, reach, width)?;
        check_dim(&of_outputs, outputs, MAX_DIM)?;
        check_dim(&of_reach, channels, MAX_DIM)?;
        let values = width as f64 * channels as f64;
        check_amount(&of_reach, "values in its context", values, MAX_VALUES)?;
        // Of V symbols: the first of such layers has said how many places.
        let expected = *self.reach.get_or_insert(reach);
        self.expect(&of_reach, expected, reach)?;
        let (before, shape) = (self.current, [1, width, outputs]);
        if self.shape != shape {
            let expected = format!("an image of {} before it", show(shape));
            return Err(Error::field(FILE, field, expected, show(self.shape)));
        }
        let map = Map::Conv2d(Window {
            input: read,
            output: shape,
            kernel: 1,
            stride: 1,
            padding: 0,
        });
        self.current = context;
        let none = Activation::None;
        self.push(
            field,
            map,
            params,
            vec![1, 1, channels, outputs],
            none,
            shape,
        )?;
        let inputs = vec![before, self.current];
        self.current = self.program.push(Op::Add, inputs, shape);
        self.activate(activation);
        Ok(())
    }

    /// Adds a convolution, or its transpose.
    fn convolve(&mut self, field: &str, transposed: bool, convolution: &Convolution) -> Result<()> {
        let &Convolution {
            in_channels,
            out_channels,
            kernel,
            stride,
            padding,
            activation,
            ref params,
        } = convolution;
        let sizes = [in_channels, out_channels, kernel, stride, padding];
        if self.upsample && sizes[2..] != [3, 1, 1] {
            return Err(Error::field(FILE, field, AFTER_UPSAMPLE, "another window"));
        }
        // The two layers as one, see `upsample.rs`.
        let folded = [in_channels, out_channels, 4, 2, 1];
        let (transposed, sizes) = match self.upsample {
            true => (true, folded),
            false => (transposed, sizes),
        };
        let window = self.window(field, transposed, sizes)?;
        let weight = vec![window.kernel, window.kernel, in_channels, out_channels];
        let map = match transposed {
            true => Map::ConvTranspose2d(window),
            false => Map::Conv2d(window),
        };
        self.push(field, map, params, weight, activation, window.output)
    }

    /// Gives what a linear layer has written another shape; false where it was another layer.
    fn reshape(&mut self, shape: Shape) -> bool {
        let nodes = &self.program.nodes[self.start[0]..];
        for (i, node) in nodes.iter().enumerate().rev() {
            self.program.values[node.output].shape = shape;
            let of_condition = |node: &Node| CONDITIONS && Some(node.inputs[0]) == self.condition;
            match node.op {
                Op::Activate(_) => {}
                // Both of what a condition is added to and its own map are linear layers.
                Op::Add if i > 0 && of_condition(&nodes[i - 1]) => {}
                Op::Map(Map::Linear { .. }, _) if of_condition(node) => {}
                Op::Map(Map::Linear { .. }, _) => return true,
                _ => return false,
            }
        }
        false
    }

    /// Checks a convolution's numbers.
    fn window(
        &self,
        field: &str,
        transposed: bool,
        [in_channels, out_channels, kernel, stride, padding]: [usize; 5],
    ) -> Result<Window> {
        for (name, dim, most) in [
            ("out_channels", out_channels, MAX_DIM),
            ("kernel", kernel, MAX_WINDOW),
            ("stride", stride, MAX_WINDOW),
        ] {
            check_dim(&format!("{field}.{name}"), dim, most)?;
        }
        let (zeros, most) = (padding as f64, MAX_WINDOW as f64);
        check_amount(&format!("{field}.padding"), "zeros", zeros, most)?;
        let [height, width, channels] = self.shape;
        self.expect(&format!("{field}.in_channels"), channels, in_channels)?;
        let mut output = [height, width, out_channels];
        for side in &mut output[..2] {
            let found = if transposed {
                let full = (*side - 1) * stride + kernel;
                full.checked_sub(2 * padding)
            } else {
                let steps = (*side + 2 * padding).checked_sub(kernel);
                steps.map(|steps| steps / stride + 1)
            };
            *side = found.filter(|&side| side > 0).ok_or_else(|| {
                let field = format!("{field}.kernel");
                let found = format!("{kernel} on {}", show(self.shape));
                Error::field(FILE, field, "a kernel that fits the image", found)
            })?;
            check_dim(field, *side, MAX_DIM)?;
        }
        Ok(Window {
            input: self.shape,
            output,
            kernel,
            stride,
            padding,
        })
    }

    fn residual(&mut self, field: &str, layers: &[Layer], activation: Activation) -> Result<()> {
        let (input, shape, before) = (self.current, self.shape, self.program.nodes.len());
        let name = format!("{field}.layers");
        self.layers(&name, layers)?;
        let kept = self.program.values[input].shape == shape;
        if self.shape != shape || !kept {
            let expected = format!("an output of {}", show(shape));
            return Err(Error::field(FILE, name, expected, show(self.shape)));
        }
        let wrong = |expected, found| Err(Error::field(FILE, &name, expected, found));
        match self.program.nodes[before..].last() {
            Some(node) if matches!(node.op, Op::Map(..)) => {}
            Some(_) => return wrong("a last layer without activation", "one with its own"),
            None => return wrong("at least one layer", "none"),
        }
        let inputs = vec![self.current, input];
        self.current = self.program.push(Op::Add, inputs, shape);
        self.activate(activation);
        Ok(())
    }

    fn push(
        &mut self,
        field: &str,
        map: Map,
        params: &str,
        weight: Vec<usize>,
        activation: Activation,
        output: Shape,
    ) -> Result<()> {
        let params = Params {
            name: params.into(),
            weight,
            bias: output[2],
            upsampled: mem::take(&mut self.upsample),
            adjoint: false,
        };
        let op = Op::Map(map, params);
        self.current = self.program.push(op, vec![self.current], output);
        self.shape = output;
        self.activate(activation);
        self.check(field)
    }

    fn activate(&mut self, activation: Activation) {
        if activation != Activation::None {
            let op = Op::Activate(activation);
            self.current = self.program.push(op, vec![self.current], self.shape);
        }
    }

    fn expect(&self, field: &str, expected: usize, found: usize) -> Result<()> {
        if expected == found {
            Ok(())
        } else {
            Err(Error::field(FILE, field, expected, found))
        }
    }
}

/// Whether a layer reads each place of a text by itself.
fn is_of_places(layer: &Layer) -> bool {
    match layer {
        Layer::Conv2d(it) => [it.kernel, it.stride, it.padding] == [1, 1, 0],
        // Its layers are asked one by one.
        Layer::Residual { .. } | Layer::Context { .. } => true,
        _ => false,
    }
}

/// Inputs, and the context after them.
fn with(mut inputs: Vec<usize>, context: Option<usize>) -> Vec<usize> {
    if CONTEXTS {
        inputs.extend(context);
    }
    inputs
}

fn len(shape: Shape) -> usize {
    product(&shape)
}

fn show([height, width, channels]: Shape) -> String {
    format!("{channels}×{height}×{width}")
}
