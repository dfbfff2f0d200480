//! `mainstay serve`: the HTTP API, until somebody says stop.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use mainstay::Mainstay;
use mainstay_server::{CancellationToken, Server};

use crate::output;

pub(crate) async fn serve(root: &Path, listen: Option<SocketAddr>) -> anyhow::Result<ExitCode> {
    serve_open(Mainstay::open(root).await?, listen).await
}

/// Serves an installation that is open, and closes it.
pub(crate) async fn serve_open(mainstay: Mainstay, listen: Option<SocketAddr>) -> anyhow::Result<ExitCode> {
    let mainstay = Arc::new(mainstay);
    let server = Server::bind(Arc::clone(&mainstay), listen).await?;
    mainstay.watch();
    output::note(&format!("listening on {}; Ctrl-C drains and ends", server.url()));
    if server.is_open() {
        output::note("there are no keys, so everybody on this machine may do everything; see `mainstay keys create`");
    }
    let stop = CancellationToken::new();
    let told = stop.clone();
    let serving = server.serve(stop);
    tokio::pin!(serving);
    let cut = tokio::select! {
        cut = &mut serving => cut?,
        () = output::until_interrupted() => {
            output::note("draining: no new requests; runs that do not end in time are resumed by the next start");
            told.cancel();
            serving.await?
        }
    };
    let all_stopped = mainstay.close(mainstay.server().drain).await;
    if cut > 0 {
        output::note(&format!("{cut} connections were cut"));
    }
    if !all_stopped {
        output::note("some runs were still at work; they are resumed by the next start");
    }
    Ok(ExitCode::SUCCESS)
}
