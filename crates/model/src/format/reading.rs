//! A model that is read piece by piece, so that a page can do other things in between.

use super::safetensors::{Views, hex, parse};
use crate::{Architecture, Error, Model, Params, Result, Weights, WeightsFile};
use sha2::{Digest, Sha256};
use std::mem;

/// A model whose weights are on their way: bytes are hashed as they come ([`Reading::push`]),
/// then each tensor is unpacked ([`Reading::step`]).
pub struct Reading {
    architecture: Architecture,
    contents: Vec<u8>,
    digest: Sha256,
    /// Where tensors lie, once all bytes have come.
    views: Option<Views>,
    /// Tensors that have not been unpacked yet, the next one last.
    unread: Vec<(String, Vec<usize>)>,
    /// Kernels that have not been folded yet.
    unfolded: Vec<Params>,
    weights: Weights,
}

impl Reading {
    /// Nothing of the weights file has come yet.
    pub fn new(architecture: Architecture) -> Self {
        let mut unread = architecture.stored();
        unread.reverse();
        let upsampled = architecture.params().filter(|params| params.upsampled);
        Self {
            contents: Vec::new(),
            digest: Sha256::new(),
            views: None,
            unread,
            unfolded: upsampled.cloned().collect(),
            weights: Weights::empty(),
            architecture,
        }
    }

    /// Appends the next bytes of the weights file.
    ///
    /// # Errors
    /// [`Error::Length`] where there are more than `model.json` says.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let found = self.contents.len().saturating_add(bytes.len());
        if found > self.architecture.spec.weights.bytes {
            return Err(self.wrong_length(found));
        }
        self.contents.extend_from_slice(bytes);
        self.digest.update(bytes);
        Ok(())
    }

    /// Checks length and hash once all bytes are there, then unpacks one tensor at a call.
    /// Whether there is more to do.
    ///
    /// # Errors
    /// Whatever is wrong with the file, or does not agree with the description.
    pub fn step(&mut self) -> Result<bool> {
        if self.views.is_none() {
            self.verify()?;
        }
        let file = &self.architecture.spec.weights;
        let Some(views) = &self.views else {
            self.views = Some(parse(&file.file, &self.contents)?);
            return Ok(true);
        };
        if let Some(next) = self.unread.pop() {
            self.weights.insert(file, &self.contents, views, next)?;
        } else if let Some(params) = self.unfolded.pop() {
            self.weights.fold(&params);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// The model; does what is left to do.
    ///
    /// # Errors
    /// As [`Reading::step`].
    pub fn finish(mut self) -> Result<Model> {
        while self.step()? {}
        let Architecture { spec, program } = self.architecture;
        Ok(Model {
            spec,
            program,
            weights: self.weights,
        })
    }

    fn verify(&mut self) -> Result<()> {
        let WeightsFile {
            file,
            bytes,
            sha256,
            ..
        } = &self.architecture.spec.weights;
        if self.contents.len() != *bytes {
            return Err(self.wrong_length(self.contents.len()));
        }
        let found = hex(mem::take(&mut self.digest));
        if found == *sha256 {
            return Ok(());
        }
        Err(Error::Hash {
            file: file.clone(),
            expected: sha256.clone(),
            found,
        })
    }

    fn wrong_length(&self, found: usize) -> Error {
        Error::Length {
            file: self.architecture.spec.weights.file.clone(),
            expected: self.architecture.spec.weights.bytes,
            found,
        }
    }
}
