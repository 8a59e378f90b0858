//! The project's commands: `cargo xtask serve` and `cargo xtask test`, `build` for the page alone,
//! `bench` for its speed, and `publish`, which Trunk calls. Each installs the tools that it needs
//! and says why, so that a new machine needs only cargo.

mod bench;
mod browsers;
mod library;
mod packages;
mod page;
mod program;
mod server;
mod shell;
mod test;
mod toolchain;
mod tools;
mod version;

use std::process::ExitCode;

use anyhow::{Result, bail};
use lexopt::prelude::*;

const USAGE: &str = "\
cargo xtask serve [--port 8080]   build the page and serve it on this machine
cargo xtask build                 build the page into dist/ and check its size
cargo xtask bench [option…]       compare the page's speed with its peers', in Chromium;
                                  `--help` lists the options; with `--native` first,
                                  time every kernel on this machine's own adapter
cargo xtask test [step…]          run all tests, or only these steps:
                                  ";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut arguments = lexopt::Parser::from_env();
    let mut words = Vec::new();
    let mut port = None;
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("port") => port = Some(arguments.value()?.parse::<u16>()?),
            Short('h') | Long("help") => words.insert(0, "help".to_owned()),
            // `bench` parses its own options.
            Value(word) if words.is_empty() && word == "bench" => {
                let rest: Vec<_> = arguments.raw_args()?.collect();
                return bench::run(&rest);
            }
            Value(word) => words.push(word.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let (command, rest) = match words.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", [].as_slice()),
    };
    if command != "test" && command != "help" && !rest.is_empty() {
        bail!(
            "`{command}` has no argument `{}`; see `cargo xtask help`",
            rest.join(" ")
        );
    }
    if command != "serve" && port.is_some() {
        bail!("only `serve` has the option `--port`");
    }
    match command {
        "serve" => server::serve(port.unwrap_or(server::DEFAULT_PORT)),
        "build" => page::build(),
        "publish" => page::publish(),
        "test" => test::run(rest),
        "help" => {
            println!("{USAGE}{}", test::STEPS.map(|step| step.name).join(" "));
            Ok(())
        }
        other => bail!("there is no command `{other}`; see `cargo xtask help`"),
    }
}
