//! The project's two commands, `cargo xtask serve` and `cargo xtask test`, and
//! `build` for the page alone. Each finds the tools that it needs, installs
//! what is missing and says why, so that a fresh machine needs only cargo.

mod debian;
mod shell;
mod test;
mod tools;
mod web;

use std::process::ExitCode;

use anyhow::{Result, bail};
use lexopt::prelude::*;

const USAGE: &str = "\
cargo xtask serve [--port 8080]   build the page and serve it on this machine
cargo xtask build                 build the page into dist/ and check its size
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
            "`{command}` takes no `{}`; see `cargo xtask help`",
            rest.join(" ")
        );
    }
    if command != "serve" && port.is_some() {
        bail!("only `serve` takes a `--port`");
    }
    match command {
        "serve" => web::serve(port.unwrap_or(web::DEFAULT_PORT)),
        "build" => web::build(),
        "test" => test::run(rest),
        "help" => {
            println!("{USAGE}{}", test::STEPS.map(|step| step.name).join(" "));
            Ok(())
        }
        other => bail!("there is no command `{other}`; see `cargo xtask help`"),
    }
}
