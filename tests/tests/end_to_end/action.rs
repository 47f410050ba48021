//! `host-sim/action.yml`: its last step, run as a workflow's runner runs it.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, ensure};
use api_credits_tests::artifacts::{host_sim, root};
use serde_json::Value;

use crate::World;
use crate::kubernetes::yaml;

/// What an expression of a workflow has to be replaced by.
const PROGRAM: &str = "${{ steps.build.outputs.program }}";

pub(crate) fn a_workflow_fails_with_a_scenario_and_says_why(world: &World) -> anyhow::Result<()> {
    let action = yaml(&root().join("host-sim/action.yml"))?;
    let action = action.first().context("an empty action.yml")?;
    assert_eq!(action.pointer("/runs/using"), Some(&"composite".into()));
    let steps = action.pointer("/runs/steps").and_then(Value::as_array);
    let steps = steps.context("no steps")?;
    for step in steps {
        // A composite action has to name the shell of each command.
        ensure!(
            step.get("run").is_none() || step.get("shell").is_some(),
            "{step}"
        );
    }
    let script = steps.last().and_then(|step| step.get("run")?.as_str());
    let script = script.context("the last step runs nothing")?;
    ensure!(script.contains(PROGRAM), "{script}");
    let script = script.replace(PROGRAM, &host_sim()?.display().to_string());
    ensure!(!script.contains("${{"), "{script}");

    let folder = tempfile::tempdir()?;
    let file = |name: &str| folder.path().join(name);
    fs::create_dir(file("host-sim"))?;
    let scenario = |status: u16| {
        format!(
            "about = \"It answers {status}.\"\nconfig_file = \"{}\"\n\n[[step]]\nrequest = {{ path = \"/\", headers = {{ orgId = \"7\" }} }}\nexpect = {{ status = {status} }}\n",
            root().join("envoy/filter.json").display()
        )
    };
    fs::write(file("holds.toml"), scenario(200))?;
    fs::write(file("fails.toml"), scenario(201))?;
    for (scenarios, code) in [("holds.toml", 0), ("holds.toml fails.toml", 1)] {
        let status = Command::new("bash")
            .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", &script])
            .current_dir(folder.path())
            .env("PLUGIN", &world.artifacts.module)
            .env("SCENARIOS", scenarios)
            .env("ARGUMENTS", "")
            .env("JUNIT", "results.xml")
            .env("RUNNER_TEMP", folder.path())
            .env("GITHUB_STEP_SUMMARY", file("summary"))
            .output()?;
        let said = String::from_utf8_lossy(&status.stdout);
        assert_eq!(status.status.code(), Some(code), "{said}");
        let summary = fs::read_to_string(file("summary")).unwrap_or_default();
        assert_eq!(
            summary.contains("expected: 201"),
            code == 1,
            "{summary}{said}"
        );
        let results = fs::read_to_string(file("results.xml"))?;
        assert_eq!(results.contains("<failure"), code == 1, "{results}");
    }
    Ok(())
}
