//! Errors of the GPU belong to the model whose work caused them. Whatever builds something
//! is done within error scopes; what these have caught is known later, so a [`Check`]
//! waits for it, and no frame does.

use crate::Error;
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use wgpu::{Device, ErrorFilter};

/// Errors that may still come.
pub type Errors = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

/// Does some work and gives, beside its result, the errors that it caused.
pub fn scoped<T>(device: &Device, work: impl FnOnce() -> T) -> (T, Errors) {
    // What lack of memory makes invalid is reported as invalid too: memory is asked first.
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

/// What is known of a model's buffers and pipelines.
#[derive(Default)]
struct Standing {
    /// Checks that are not through.
    open: Cell<usize>,
    /// The worst that checks have ended with.
    fault: Cell<Option<Fault>>,
}

/// What has to happen before the next frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nobody waited for a check: buffers are built again.
    Unknown,
    /// The GPU refused something: the next batch is smaller as well.
    Refused,
}

/// The checks of one model.
#[derive(Default)]
pub struct Checks {
    standing: Rc<Standing>,
    waiting: Vec<Check>,
}

/// The errors of one piece of work, and who wants to know of them.
struct Check {
    errors: Errors,
    standing: Rc<Standing>,
    through: bool,
}

impl Checks {
    /// Adds the errors of work that has just been done.
    pub fn push(&mut self, errors: Errors) {
        self.standing.open.update(|open| open + 1);
        self.waiting.push(Check {
            errors,
            standing: self.standing.clone(),
            through: false,
        });
    }

    /// Whether everything that was built is known to be right.
    pub fn are_through(&self) -> bool {
        self.standing.open.get() == 0
    }

    /// What the checks that have ended ask for.
    pub fn take_fault(&self) -> Option<Fault> {
        self.standing.fault.take()
    }

    /// Looks, without waiting, whether an error has come that nobody waits for: that of a
    /// picture, most often.
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

    /// Waits for everything that nobody waits for yet; the first error counts.
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
            self.through = true;
            if result.is_err() {
                self.standing.fault.set(Some(Fault::Refused));
            }
        }
        result
    }
}

impl Drop for Check {
    fn drop(&mut self) {
        self.standing.open.update(|open| open - 1);
        if !self.through && self.standing.fault.get().is_none() {
            self.standing.fault.set(Some(Fault::Unknown));
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
    fn an_error_is_told_once_and_asks_for_smaller_batches() {
        let mut checks = Checks::default();
        checks.push(Box::pin(ready(Ok(()))));
        checks.push(Box::pin(ready(Err(Error::OutOfMemory))));
        assert!(!checks.are_through());
        assert_eq!(checks.poll(), Err(Error::OutOfMemory));
        assert_eq!(checks.poll(), Ok(()));
        assert!(checks.are_through());
        assert_eq!(checks.take_fault(), Some(Fault::Refused));
        assert_eq!(checks.take_fault(), None);
    }

    #[test]
    fn a_check_that_nobody_waits_for_proves_nothing() {
        let mut checks = Checks::default();
        checks.push(Box::pin(pending()));
        assert_eq!(checks.poll(), Ok(()));
        assert!(!checks.are_through());
        assert_eq!(wait(checks.take()), None);
        assert_eq!(checks.take_fault(), Some(Fault::Unknown));
        assert!(checks.are_through());
    }
}
