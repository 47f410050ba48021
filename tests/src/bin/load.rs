//! Sends a proxy as many calls as it takes, and says how many it took.

#![expect(clippy::print_stdout, reason = "printing is what a command is for")]

use std::net::SocketAddr;

use anyhow::Context as _;
use api_credits_tests::bench::load::Clients;
use api_credits_tests::bench::request;
use clap::Parser;

/// Send calls of the example API over kept HTTP/1.1 connections, for instance to `host-sim serve`, and say how many a second were answered.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where the proxy listens, as in 127.0.0.1:8000.
    address: SocketAddr,
    /// How many calls.
    #[arg(long, default_value_t = 20_000)]
    calls: usize,
    /// Over how many connections, each of which sends one call after the other.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Which organizations call, in turns.
    #[arg(long = "organization", default_values_t = [2_389_290])]
    organizations: Vec<u64>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let calls = request::calls(&arguments.organizations);
    let sent = runtime.block_on(async {
        let address = arguments.address;
        let mut clients = Clients::connect(address, arguments.connections, calls)
            .await
            .with_context(|| format!("nobody listens at {address}"))?;
        clients.send(arguments.calls, None).await
    })?;
    let mut microseconds = sent.microseconds;
    microseconds.sort_unstable();
    let share = |per_cent: usize| {
        let place = microseconds.len().saturating_mul(per_cent) / 100;
        microseconds.get(place).copied().unwrap_or_default()
    };
    let count = u32::try_from(microseconds.len())?;
    println!(
        "{count} calls in {:.2} s: {:.0} a second, half of them within {} us, 99 of 100 within {} us",
        sent.elapsed.as_secs_f64(),
        f64::from(count) / sent.elapsed.as_secs_f64(),
        share(50),
        share(99),
    );
    Ok(())
}
