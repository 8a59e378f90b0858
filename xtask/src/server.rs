//! `cargo xtask serve`: serves the page in `dist/` on this machine only, and rebuilds it when a
//! source changes.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use axum::Router;
use axum::http::{HeaderValue, header};
use notify::{RecursiveMode, Watcher};
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::{page, shell};

/// The default port.
pub const DEFAULT_PORT: u16 = 8080;

/// The sources of the page. Trunk.toml has the same list.
const SOURCES: [&str; 6] = [
    "web",
    "models",
    "examples",
    "shaders",
    "Cargo.toml",
    "crates",
];
/// Time without changes before a rebuild, because editors and training write several files at a
/// time.
const QUIET: Duration = Duration::from_millis(300);

/// Builds the page, serves it on this machine, and rebuilds it when a file changes.
///
/// # Errors
/// If the port is in use, or the first build fails.
pub fn serve(port: u16) -> Result<()> {
    // A port in use is reported before the build, not after it.
    drop(listen(port)?);
    page::write()?;
    let listener = listen(port)?;
    thread::spawn(|| {
        if let Err(error) = rebuild_forever() {
            eprintln!("cannot watch the page's files any more: {error:#}");
        }
    });
    println!("the page is at http://127.0.0.1:{port}/");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(async {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        Ok(axum::serve(listener, site(&page::dist())).await?)
    })
}

fn listen(port: u16) -> Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .with_context(|| format!("cannot listen on port {port}; choose another one with `--port`"))
}

/// Serves the files of a folder. Browsers must revalidate their cache, because the next build may
/// change the files.
fn site(folder: &Path) -> Router {
    let ask = SetResponseHeaderLayer::overriding(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache"),
    );
    Router::new()
        .fallback_service(ServeDir::new(folder))
        .layer(ask)
}

fn rebuild_forever() -> Result<()> {
    let (send, changes) = mpsc::channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // The build only reads them.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            let _ = send.send(());
        }
    })?;
    for source in sources() {
        watcher
            .watch(&source, RecursiveMode::Recursive)
            .with_context(|| format!("cannot watch {}", source.display()))?;
    }
    while let Ok(()) = changes.recv() {
        wait_until_quiet(&changes);
        let start = Instant::now();
        match page::write() {
            Ok(()) => println!("rebuilt in {:.1} s", start.elapsed().as_secs_f32()),
            Err(error) => eprintln!("error: {error:#}; the previous page is still served"),
        }
    }
    Ok(())
}

fn sources() -> impl Iterator<Item = PathBuf> {
    SOURCES.iter().map(|source| shell::root().join(source))
}

fn wait_until_quiet(changes: &Receiver<()>) {
    while changes.recv_timeout(QUIET).is_ok() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trunk_watches_what_serve_watches() {
        let config = include_str!("../../Trunk.toml");
        let (_, list) = config.split_once("\nwatch = [").unwrap();
        let (list, _) = list.split_once(']').unwrap();
        let watched: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
        assert_eq!(watched, SOURCES);
        for source in sources() {
            assert!(source.exists(), "{} does not exist", source.display());
        }
    }
}
