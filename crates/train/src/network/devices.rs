//! `--device`: where to compute, by name.

use anyhow::{Result, bail};
use burn::tensor::Device;
use std::str::FromStr;

/// A device as the command line names it: `flex`, `cuda:1`, `remote=ws://gpu:3000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceName {
    /// The CPU.
    Flex,
    /// An NVIDIA GPU, by its number.
    Cuda(usize),
    /// A GPU through Vulkan: the one that the system prefers, or a discrete one by its number.
    Vulkan(Option<usize>),
    /// A GPU through Metal, likewise.
    Metal(Option<usize>),
    /// A GPU through what the system has, likewise, with kernels in WGSL: it also runs on software GPUs.
    Wgpu(Option<usize>),
    /// A burn server at this address.
    Remote(String),
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(url) = text.strip_prefix("remote=") {
            return Ok(Self::Remote(url.into()));
        }
        let (name, number) = match text.split_once(':') {
            Some((name, number)) => {
                let number = number.parse().map_err(|_| {
                    format!("`{number}` is not a device number; write for example {name}:1")
                })?;
                (name, Some(number))
            }
            None => (text, None),
        };
        match (name, number) {
            ("flex", None) => Ok(Self::Flex),
            ("cuda", number) => Ok(Self::Cuda(number.unwrap_or(0))),
            ("vulkan", number) => Ok(Self::Vulkan(number)),
            ("metal", number) => Ok(Self::Metal(number)),
            ("wgpu", number) => Ok(Self::Wgpu(number)),
            _ => Err(
                "expected flex, cuda, vulkan, metal, wgpu, one of the last four with a number as \
                      in cuda:1, or remote=ws://HOST:PORT"
                    .into(),
            ),
        }
    }
}

impl DeviceName {
    /// The device itself.
    ///
    /// # Errors
    /// A build without that backend, or a server that does not answer.
    pub fn open(&self) -> Result<Device> {
        match self {
            Self::Flex => Ok(Device::flex()),
            #[cfg(feature = "cuda")]
            Self::Cuda(number) => Ok(Device::cuda(*number)),
            #[cfg(feature = "vulkan")]
            Self::Vulkan(number) => Ok(Device::vulkan(kind(*number))),
            #[cfg(feature = "metal")]
            Self::Metal(number) => Ok(Device::metal(kind(*number))),
            #[cfg(feature = "wgpu")]
            Self::Wgpu(number) => Ok(Device::wgpu(kind(*number))),
            #[cfg(feature = "remote")]
            Self::Remote(url) => {
                use anyhow::Context;
                let host = burn::tensor::remote::RemoteHost::websocket(url);
                let device = Device::remote_options(&host).init();
                device.with_context(|| format!("no burn server answers at {url}"))
            }
            #[allow(
                unreachable_patterns,
                reason = "with every feature on, all are handled above"
            )]
            other => {
                let name = match other {
                    Self::Flex => "flex",
                    Self::Cuda(_) => "cuda",
                    Self::Vulkan(_) => "vulkan",
                    Self::Metal(_) => "metal",
                    Self::Wgpu(_) => "wgpu",
                    Self::Remote(_) => "remote",
                };
                bail!("this build has no {name}; build it with `--features {name}`")
            }
        }
    }
}

#[cfg(any(feature = "vulkan", feature = "metal", feature = "wgpu"))]
fn kind(number: Option<usize>) -> burn::tensor::DeviceKind {
    number.map_or(
        burn::tensor::DeviceKind::DefaultDevice,
        burn::tensor::DeviceKind::DiscreteGpu,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_mistakes_explained() {
        assert_eq!("cuda:1".parse(), Ok(DeviceName::Cuda(1)));
        assert_eq!("vulkan".parse(), Ok(DeviceName::Vulkan(None)));
        let url = "ws://gpu:3000";
        assert_eq!(
            format!("remote={url}").parse(),
            Ok(DeviceName::Remote(url.into()))
        );
        let error = |text: &str| text.parse::<DeviceName>().unwrap_err();
        assert!(error("gpu").contains("remote=ws://"));
        assert!(error("cuda:one").contains("cuda:1"));
    }
}
