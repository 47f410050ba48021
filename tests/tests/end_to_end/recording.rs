//! What Envoy's tap filter writes before and behind this filter, and what `host-sim record` makes of it.

use std::fmt::Write as _;
use std::process::Command;

use anyhow::{Context as _, ensure};
use api_credits_tests::artifacts::{host_sim, root};
use api_credits_tests::client::Connection;
use api_credits_tests::example::Example;
use host_sim::target::{HttpVersion, Request};
use tokio::runtime::Builder;

use crate::{World, example};

/// A tap filter whose files begin so, in place of this line.
fn tap(line: &str, folder: &str, streaming: bool, format: &str) -> String {
    let mut yaml = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        yaml,
        "                  - name: tap
                    typed_config:
                      \"@type\": type.googleapis.com/envoy.extensions.filters.http.tap.v3.Tap
                      record_headers_received_time: true
                      common_config:
                        static_config:
                          match: {{ any_match: true }}
                          output_config:
                            streaming: {streaming}
                            sinks: [{{ format: {format}, file_per_tap: {{ path_prefix: {folder}/call }} }}]
{line}"
    );
    yaml
}

/// Two calls are paid for, the third one is refused; the scenario says so with the same numbers, by the clock of the recording.
pub(crate) fn what_envoy_taps_is_a_scenario_that_holds(world: &World) -> anyhow::Result<()> {
    const FILTER: &str = "                  - name: api_credits\n";
    const ROUTER: &str = "                  - name: envoy.filters.http.router\n";
    for (streaming, format) in [(false, "JSON_BODY_AS_BYTES"), (true, "JSON_BODY_AS_STRING")] {
        let folder = tempfile::tempdir()?;
        let name = |name: &str| folder.path().join(name).display().to_string();
        let (before, behind) = (name("before"), name("behind"));
        std::fs::create_dir(&before)?;
        std::fs::create_dir(&behind)?;
        let yaml = std::fs::read_to_string(root().join("envoy/envoy.yaml"))?;
        ensure!(yaml.matches(FILTER).count() == 1 && yaml.contains(ROUTER));
        let yaml = yaml
            .replacen(ROUTER, &tap(ROUTER, &behind, streaming, format), 1)
            .replacen(FILTER, &tap(FILTER, &before, false, format), 1);
        let config = folder.path().join("filter.json");
        std::fs::write(&config, example()?.to_string())?;
        {
            let envoy = Example::start(&world.artifacts, &yaml, &example()?, 1)?;
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let statuses: anyhow::Result<Vec<_>> = runtime.block_on(async {
                let mut statuses = Vec::new();
                for (method, path, body) in [
                    ("GET", "/api/v1/tickets?limit=5", &b""[..]),
                    ("POST", "/api/v1/tickets", b"{\"subject\":\"h\xc3\xa9llo\"}"),
                    ("GET", "/api/v1/tickets?from=5000", b""),
                ] {
                    let request = Request {
                        method: method.to_owned(),
                        path: path.to_owned(),
                        headers: vec![("orgid".to_owned(), "7".to_owned())],
                        body: if body.is_empty() {
                            Vec::new()
                        } else {
                            vec![body.to_vec()]
                        },
                        ..Request::default()
                    };
                    let mut connection = Connection::open(envoy.api, HttpVersion::One).await?;
                    statuses.push(connection.send(&request).await?.status);
                }
                Ok(statuses)
            });
            assert_eq!(statuses?, [200, 200, 429]);
            // Envoy writes what it tapped when a call ends, at the latest when it ends itself.
        }
        let scenario = folder.path().join("recorded.toml");
        let output = Command::new(host_sim()?)
            .arg("record")
            .arg(&before)
            .args([
                "--behind",
                &behind,
                "--times",
                "--without-header",
                "retry-after",
            ])
            .arg("--plugin")
            .arg(&world.artifacts.module)
            .arg("--config")
            .arg(&config)
            .arg("--output")
            .arg(&scenario)
            .output()
            .context("cannot run host-sim record")?;
        let said = String::from_utf8([output.stdout, output.stderr].concat())?;
        assert_eq!(output.status.code(), Some(0), "{said}");
        let written = std::fs::read_to_string(&scenario)?;
        for expected in [
            "status = 429\n",
            "upstream = false\n",
            "body = '{\"subject\":\"h\u{e9}llo\"}'\n",
            "x-rate-limit-remaining-v3 = \"7\"",
            "THRESHOLD_EXCEEDED",
        ] {
            ensure!(written.contains(expected), "no {expected} in {written}");
        }
    }
    Ok(())
}
