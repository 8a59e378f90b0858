//! Attributes errors of the GPU to the model whose work caused them. All work that creates GPU
//! objects runs within error scopes. Their results arrive later, so a [`Check`] waits for them and
//! frames do not.

use crate::Error;
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use wgpu::{Device, ErrorFilter};

/// Resolves once the GPU has processed some work, with its first error.
pub type Errors = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

/// Runs `work` within error scopes. Returns its result and the errors that it caused.
pub fn scoped<T>(device: &Device, work: impl FnOnce() -> T) -> (T, Errors) {
    // An object that is invalid for lack of memory also causes a validation error, so the memory
    // scope is popped first.
    let filters = [
        ErrorFilter::Internal,
        ErrorFilter::Validation,
        ErrorFilter::OutOfMemory,
    ];
    let scopes = filters.map(|filter| device.push_error_scope(filter));
    let result = work();
    let caught: Vec<_> = scopes.into_iter().rev().map(|scope| scope.pop()).collect();
    let errors = async move {
        let mut first = Ok(());
        for error in caught {
            if let (Some(error), Ok(())) = (error.await, &first) {
                first = Err(error.into());
            }
        }
        first
    };
    (result, Box::pin(errors))
}

impl From<wgpu::Error> for Error {
    fn from(error: wgpu::Error) -> Self {
        match error {
            wgpu::Error::OutOfMemory { .. } => Self::OutOfMemory,
            other => Self::Refused(other.to_string()),
        }
    }
}

/// The state of a model's buffers and pipelines as far as it is known.
#[derive(Default)]
struct State {
    /// Number of unfinished checks.
    open: Cell<usize>,
    /// The most severe result of the finished checks.
    fault: Cell<Option<Fault>>,
}

/// What a failed or dropped check requires before the next frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A check was dropped before it finished: rebuild the buffers.
    Unknown,
    /// The GPU rejected something: rebuild the buffers for smaller batches.
    Refused,
}

/// The checks of one model.
#[derive(Default)]
pub struct Checks {
    state: Rc<State>,
    waiting: Vec<Check>,
}

/// The pending errors of one piece of work. It reports the result to the state of its model.
struct Check {
    errors: Errors,
    state: Rc<State>,
    finished: bool,
}

impl Checks {
    /// Adds the errors of work that has just been submitted.
    pub fn push(&mut self, errors: Errors) {
        self.state.open.update(|open| open + 1);
        self.waiting.push(Check {
            errors,
            state: self.state.clone(),
            finished: false,
        });
    }

    /// Whether all checks have finished.
    pub fn are_finished(&self) -> bool {
        self.state.open.get() == 0
    }

    /// Takes what the finished checks require, if anything.
    pub fn take_fault(&self) -> Option<Fault> {
        self.state.fault.take()
    }

    /// Returns, without waiting, the first error that has arrived and that no future waits for. It
    /// usually comes from drawing.
    pub fn poll(&mut self) -> Result<(), Error> {
        let mut context = Context::from_waker(Waker::noop());
        while let Some(check) = self.waiting.first_mut() {
            match Pin::new(check).poll(&mut context) {
                Poll::Pending => break,
                Poll::Ready(result) => {
                    self.waiting.remove(0);
                    result?;
                }
            }
        }
        Ok(())
    }

    /// Waits for all checks that no future waits for yet; resolves with the first error.
    pub fn take(&mut self) -> impl Future<Output = Result<(), Error>> + use<> {
        let waiting = std::mem::take(&mut self.waiting);
        async move {
            for check in waiting {
                check.await?;
            }
            Ok(())
        }
    }
}

impl Future for Check {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let result = self.errors.as_mut().poll(context);
        if let Poll::Ready(result) = &result {
            self.finished = true;
            if result.is_err() {
                self.state.fault.set(Some(Fault::Refused));
            }
        }
        result
    }
}

impl Drop for Check {
    fn drop(&mut self) {
        self.state.open.update(|open| open - 1);
        if !self.finished && self.state.fault.get().is_none() {
            self.state.fault.set(Some(Fault::Unknown));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    fn wait<T>(future: impl Future<Output = T>) -> Option<T> {
        let mut context = Context::from_waker(Waker::noop());
        match std::pin::pin!(future).poll(&mut context) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    #[test]
    fn an_error_is_reported_once_and_requires_smaller_batches() {
        let mut checks = Checks::default();
        checks.push(Box::pin(ready(Ok(()))));
        checks.push(Box::pin(ready(Err(Error::OutOfMemory))));
        assert!(!checks.are_finished());
        assert_eq!(checks.poll(), Err(Error::OutOfMemory));
        assert_eq!(checks.poll(), Ok(()));
        assert!(checks.are_finished());
        assert_eq!(checks.take_fault(), Some(Fault::Refused));
        assert_eq!(checks.take_fault(), None);
    }

    #[test]
    fn a_dropped_check_requires_new_buffers() {
        let mut checks = Checks::default();
        checks.push(Box::pin(pending()));
        assert_eq!(checks.poll(), Ok(()));
        assert!(!checks.are_finished());
        assert_eq!(wait(checks.take()), None);
        assert_eq!(checks.take_fault(), Some(Fault::Unknown));
        assert!(checks.are_finished());
    }
}
