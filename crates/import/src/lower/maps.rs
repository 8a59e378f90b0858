//! Operators with weights, and those that become some: every operator of a chain has its place
//! here or in [`super::activate`].

use super::builder::{Builder, Built, Map, MapKind};
use super::{Piece, layout, window};
use crate::Result;
use crate::graph::{Conv, Function, Op, Order, diagonal};
use vaelet_model::Activation;

impl Builder<'_> {
    /// Adds the layers of a chain.
    pub fn chain(&mut self, pieces: &[Piece]) -> Result<()> {
        let pieces = self.sorted(pieces);
        for (i, piece) in pieces.iter().enumerate() {
            let rest = &pieces[i + 1..];
            match piece {
                Piece::Node(node) => self.node(*node, rest)?,
                Piece::Residual(inner) => self.residual(inner)?,
                Piece::Class(classes) => {
                    if self.class > 0 || self.shape.len() != 1 {
                        let what = "a class behind something other than one vector";
                        return Err(self.unsupported(what, "append it once, to a vector"));
                    }
                    self.class = *classes;
                }
            }
        }
        Ok(())
    }

    /// Functions of each value stand behind what only moves values, and before a maximum: there
    /// they cost least.
    fn sorted(&self, pieces: &[Piece]) -> Vec<Piece> {
        let op = |piece: &Piece| match piece {
            Piece::Node(node) => Some(&self.graph.nodes[*node].op),
            _ => None,
        };
        let mut pieces = pieces.to_vec();
        for i in (1..pieces.len()).rev() {
            let mut at = i;
            while let Some([before, after]) =
                pieces.get(at - 1..=at).map(|p| [op(&p[0]), op(&p[1])])
            {
                let moves = matches!(before, Some(Op::Activate(Function::LeakyRelu(s))) if s.len() == 1)
                    && matches!(after, Some(Op::Reshape | Op::Transpose(_)));
                let rises = matches!(before, Some(Op::MaxPool(_)))
                    && matches!(
                        after,
                        Some(Op::Activate(Function::Relu | Function::Sigmoid))
                    );
                if !moves && !rises {
                    break;
                }
                pieces.swap(at - 1, at);
                at += usize::from(moves);
                if at >= pieces.len() || rises {
                    break;
                }
            }
        }
        pieces
    }

    fn node(&mut self, node: usize, rest: &[Piece]) -> Result<()> {
        let graph = self.graph;
        let node = &graph.nodes[node];
        let appended = matches!(node.op, Op::Linear { .. });
        if self.class > 0 && !appended {
            let what = "a class that no linear layer reads";
            return Err(self.unsupported(what, "append it in front of a linear layer"));
        }
        match &node.op {
            Op::Linear { weight, bias } => self.linear(weight, bias)?,
            Op::Conv(conv) => self.conv(conv)?,
            Op::Affine { axis, scale, shift } => self.scale(*axis, scale, shift)?,
            Op::Activate(function) => {
                if let (Function::LeakyRelu(_), Some(order)) = (function, self.next_image(rest)) {
                    self.as_image(order)?;
                }
                self.activate(function)?;
            }
            &Op::MaxPool(size) => self.max_pool(size)?,
            &Op::Upsample(size) => self.upsample(size, rest)?,
            Op::Reshape => {}
            Op::Transpose(axes) => {
                self.places = layout::transpose(self.places.as_deref(), &self.shape, axes);
            }
            &Op::Slice { axis, start } => self.slice(axis, start, &node.shape)?,
            Op::Pad(..) => {
                let what = "padding that no convolution follows (Pad)";
                return Err(self.unsupported(what, "put it in front of a convolution"));
            }
            Op::Input | Op::Add | Op::Multiply | Op::Append | Op::Unknown(_) => {
                return Err(self.wrong("an operator in the wrong place".into()));
            }
        }
        // A function may have changed places with what changes the shape.
        if !matches!(node.op, Op::Activate(_) | Op::Affine { .. }) {
            self.shape.clone_from(&node.shape);
        }
        Ok(())
    }

    /// The order of the image that the next operator works on, if it works on one.
    fn next_image(&self, rest: &[Piece]) -> Option<Order> {
        match rest.first()? {
            Piece::Node(node) => match &self.graph.nodes[*node].op {
                Op::Conv(conv) => Some(conv.order),
                Op::MaxPool(_) | Op::Upsample(_) => Some(self.graph.order),
                Op::Activate(_) | Op::Affine { .. } => self.next_image(&rest[1..]),
                _ => None,
            },
            Piece::Residual(inner) => self.next_image(inner),
            Piece::Class(_) => None,
        }
        .filter(|order| order.sides(&self.shape).is_some())
    }

    fn linear(&mut self, weight: &[f32], bias: &[f32]) -> Result<()> {
        let (outputs, classes) = (bias.len(), self.class);
        let inputs = (weight.len() / outputs)
            .checked_sub(classes)
            .filter(|&inputs| inputs > 0)
            .ok_or_else(|| self.wrong("a linear layer reads only the class".into()))?;
        let (weight, class) = weight.split_at(inputs * outputs);
        if inputs != self.len() {
            // Of the last axis of an image: one pixel to one pixel.
            if self.shape.last() != Some(&inputs) || classes > 0 {
                return Err(self.wrong(format!("a linear layer of {inputs} reads {}", self.len())));
            }
            self.as_image(Order::ChannelsLast)?;
            let weight = self.take_pending(weight.to_vec(), bias.to_vec());
            self.push_conv(MapKind::POINT, weight.0, weight.1);
            self.sides[2] = outputs;
            self.positive = false;
            return Ok(());
        }
        self.check_weights(&[inputs, outputs])?;
        let mut rows = vec![0.0; weight.len()];
        for (i, row) in weight.chunks_exact(outputs).enumerate() {
            let place = self.places.as_ref().map_or(i, |places| places[i]);
            rows[place * outputs..][..outputs].copy_from_slice(row);
        }
        let (weight, bias) = self.take_pending(rows, bias.to_vec());
        let mut map = Map::new(MapKind::Linear, weight, bias);
        map.class = (classes > 0).then(|| class.to_vec());
        self.layers.push(Built::Map(map));
        (self.sides, self.places, self.class) = ([1, 1, outputs], None, 0);
        self.positive = false;
        Ok(())
    }

    /// Weight `[…, in, out]` and bias of a map that reads everything it reads whole, with what is
    /// pending before it.
    fn take_pending(&mut self, mut weight: Vec<f32>, mut bias: Vec<f32>) -> (Vec<f32>, Vec<f32>) {
        let Some((scale, shift)) = self.pending.take() else {
            return (weight, bias);
        };
        let mut sums: Vec<f64> = bias.iter().map(|&b| f64::from(b)).collect();
        for (i, row) in weight.chunks_exact_mut(bias.len()).enumerate() {
            let channel = i % scale.len();
            for (w, sum) in row.iter_mut().zip(&mut sums) {
                *sum += f64::from(*w) * f64::from(shift[channel]);
                *w *= scale[channel];
            }
        }
        bias.iter_mut()
            .zip(sums)
            .for_each(|(b, sum)| *b = sum as f32);
        (weight, bias)
    }

    /// Adds a convolution or its transpose.
    pub fn conv(&mut self, conv: &Conv) -> Result<()> {
        self.as_image(conv.order)?;
        let whole = !conv.transposed && conv.before == [0; 2] && conv.after == [0; 2];
        if !whole {
            self.settle_shift()?;
        }
        let [h, w, _] = self.sides;
        let outputs = [conv.output(h, 0), conv.output(w, 1)];
        let ([Some(rows), Some(columns)], [inputs, outputs]) = (outputs, conv.channels) else {
            return Err(self.wrong("a kernel does not fit its image".into()));
        };
        let Some(square) = window::fit(conv, [h, w], [rows, columns]) else {
            let what = "a convolution that no square kernel of one stride and one padding gives";
            return Err(self.unsupported(
                what,
                "use the same kernel, stride and padding for rows and columns",
            ));
        };
        self.check_weights(&[square.side, square.side, inputs, outputs])?;
        let weight = window::spread(conv, square);
        let (weight, bias) = self.take_pending(weight, conv.bias.clone());
        let kind = MapKind::Conv {
            transposed: conv.transposed,
            kernel: square.side,
            stride: square.stride,
            padding: square.padding,
        };
        self.push_conv(kind, weight, bias);
        self.sides = [rows, columns, outputs];
        // A convolution gives the order that it has read.
        self.places = layout::places(conv.order, self.sides);
        self.shape = conv.order.shape(self.sides);
        self.positive = false;
        Ok(())
    }

    /// `scale · x + shift` along an axis of the graph's shape.
    fn scale(&mut self, axis: usize, scale: &[f32], shift: &[f32]) -> Result<()> {
        let channels = self.sides[2];
        if scale.len() == 1 && shift.len() == 1 {
            return self.affine(&vec![scale[0]; channels], &vec![shift[0]; channels]);
        }
        let step: usize = self.shape.iter().skip(axis + 1).product();
        let side = self.shape.get(axis).copied().unwrap_or(1);
        let mut each = vec![(1.0, 0.0); self.len()];
        for i in 0..each.len() {
            let place = self.places.as_ref().map_or(i, |places| places[i]);
            let at = i / step % side;
            each[place] = (scale[at % scale.len()], shift[at % shift.len()]);
        }
        if (0..each.len()).any(|i| each[i] != each[i % channels]) {
            let what = "an operator on each value of an image by itself";
            return Err(self.unsupported(what, "use one factor for each channel"));
        }
        let (scale, shift): (Vec<f32>, Vec<f32>) = each[..channels].iter().copied().unzip();
        self.affine(&scale, &shift)
    }

    /// The largest of each square, by max(a, b) = a + relu(b − a), for vaelet has no maximum: one
    /// convolution for two neighbours along a row, one for both rows.
    fn max_pool(&mut self, size: usize) -> Result<()> {
        if size != 2 {
            let what = format!("MaxPool of kernel {size}");
            return Err(self.unsupported(&what, "use kernel 2 and stride 2"));
        }
        self.as_image(self.graph.order)?;
        self.settle()?;
        let [h, w, channels] = self.sides;
        if h < 2 || w < 2 {
            return Err(self.wrong("an image too small for its pooling".into()));
        }
        // What is below 0 comes as relu(x) and relu(−x).
        let parts = match self.positive {
            true => &[1.0][..],
            false => &[1.0, -1.0][..],
        };
        let groups = parts.len() + 1;
        // The four pixels a b / c d: for each row its first, by parts, and the difference.
        self.sides = [h / 2, w / 2, 2 * groups * channels];
        self.check_weights(&[2, 2, channels, self.sides[2]])?;
        let mut first = vec![0.0; 4 * channels * self.sides[2]];
        let at = |pixel: usize, i: usize, group: usize| {
            ((pixel * channels + i) * 2 * groups + group) * channels + i
        };
        for i in 0..channels {
            for row in 0..2 {
                let (left, right) = (2 * row, 2 * row + 1);
                for (part, sign) in parts.iter().enumerate() {
                    first[at(left, i, row * groups + part)] = *sign;
                }
                first[at(left, i, row * groups + parts.len())] = -1.0;
                first[at(right, i, row * groups + parts.len())] = 1.0;
            }
        }
        let kind = MapKind::Conv {
            transposed: false,
            kernel: 2,
            stride: 2,
            padding: 0,
        };
        self.push_relu(kind, first, 2 * groups * channels);
        // m = a + relu(b − a) of each row, then the same of both.
        let sum = [parts, &[1.0]].concat();
        let mut second = vec![0.0; 2 * groups * channels * groups * channels];
        let at = |from: usize, i: usize, to: usize| {
            (from * channels + i) * groups * channels + to * channels + i
        };
        for i in 0..channels {
            for (group, factor) in sum.iter().enumerate() {
                for (part, sign) in parts.iter().enumerate() {
                    second[at(group, i, part)] = sign * factor;
                }
                second[at(group, i, parts.len())] = -factor;
                second[at(groups + group, i, parts.len())] = *factor;
            }
        }
        self.push_relu(MapKind::POINT, second, groups * channels);
        let mut last = vec![0.0; groups * channels * channels];
        for i in 0..channels {
            for (group, factor) in sum.iter().enumerate() {
                last[(group * channels + i) * channels + i] = *factor;
            }
        }
        self.push_conv(MapKind::POINT, last, vec![0.0; channels]);
        self.sides[2] = channels;
        self.shape = self.graph.order.shape(self.sides);
        self.places = layout::places(self.graph.order, self.sides);
        Ok(())
    }

    /// Adds a convolution of the image that there is.
    fn push_conv(&mut self, kind: MapKind, weight: Vec<f32>, bias: Vec<f32>) {
        let mut map = Map::new(kind, weight, bias);
        map.reads = [self.sides[0], self.sides[1]];
        self.layers.push(Built::Map(map));
    }

    fn push_relu(&mut self, kind: MapKind, weight: Vec<f32>, outputs: usize) {
        let mut map = Map::new(kind, weight, vec![0.0; outputs]);
        map.activation = Activation::Relu;
        self.layers.push(Built::Map(map));
    }

    /// Repeats pixels: with the convolution behind it as one step, where vaelet has that.
    fn upsample(&mut self, size: usize, rest: &[Piece]) -> Result<()> {
        self.as_image(self.graph.order)?;
        let next = match rest.first() {
            Some(Piece::Node(node)) => match &self.graph.nodes[*node].op {
                Op::Conv(conv) if !conv.transposed => Some(conv),
                _ => None,
            },
            _ => None,
        };
        let fits = next.is_some_and(|conv| {
            let zeros = [conv.before, conv.after];
            conv.kernel == [3; 2] && conv.stride == [1; 2] && zeros == [[1; 2]; 2]
        });
        if !fits || size != 2 {
            let (file, order) = (&self.graph.file, self.graph.order);
            let conv = diagonal(file, size, self.sides[2], 1.0, order, true)?;
            return self.conv(&conv);
        }
        self.settle_shift()?;
        self.layers.push(Built::Upsample);
        self.sides = [2 * self.sides[0], 2 * self.sides[1], self.sides[2]];
        self.places = layout::places(self.graph.order, self.sides);
        Ok(())
    }

    fn slice(&mut self, axis: usize, start: usize, shape: &[usize]) -> Result<()> {
        let along = shape[axis];
        let channels = match self.shape.len() {
            1 => self.sides[2] == self.len(),
            _ => {
                let order = self.graph.order;
                axis == order.channels()
                    && order.sides(&self.shape) == Some(self.sides)
                    && self.places == layout::places(order, self.sides)
            }
        };
        if !channels {
            let what = "a slice of rows or columns (Slice)";
            return Err(self.unsupported(what, "slice channels or a vector"));
        }
        let place = |i: usize| match (&self.places, self.shape.len()) {
            (Some(places), 1) => places[start + i],
            _ => start + i,
        };
        let from: Vec<usize> = (0..along).map(place).collect();
        if !matches!(self.layers.last(), Some(Built::Map(_))) {
            self.push_identity()?;
        }
        if let Some(Built::Map(map)) = self.layers.last_mut() {
            map.select(&from);
        }
        if let Some((scale, shift)) = &mut self.pending {
            for values in [scale, shift] {
                *values = from.iter().map(|&i| values[i]).collect();
            }
        }
        self.sides[2] = along;
        self.places = match shape.len() {
            1 => None,
            _ => layout::places(self.graph.order, self.sides),
        };
        Ok(())
    }

    /// `x + f(x)`
    fn residual(&mut self, pieces: &[Piece]) -> Result<()> {
        if let Some(order) = self.next_image(pieces) {
            self.as_image(order)?;
        }
        self.settle()?;
        let mut inner = Self {
            layers: Vec::new(),
            ..self.clone()
        };
        inner.chain(pieces)?;
        inner.settle()?;
        if inner.open().is_none() {
            inner.push_identity()?;
        }
        if (inner.sides, &inner.places, &inner.shape) != (self.sides, &self.places, &self.shape) {
            let what = "an addition of values that are ordered differently (Add)";
            return Err(self.unsupported(what, "reshape behind the addition"));
        }
        self.layers
            .push(Built::Residual(inner.layers, Activation::None));
        self.positive = false;
        Ok(())
    }
}
