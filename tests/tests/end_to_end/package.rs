//! `make package`: the image is read back as the fetchers of Istio and Envoy Gateway read it, byte by byte.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use api_credits_tests::artifacts::{headers_module, root};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::World;

/// An image in a folder, as an OCI layout.
struct Layout(PathBuf);

impl Layout {
    fn read(&self, name: &str) -> anyhow::Result<Vec<u8>> {
        let path = self.0.join(name);
        fs::read(&path).with_context(|| path.display().to_string())
    }

    /// The blob that a descriptor describes, if it is the one.
    fn blob(&self, descriptor: &Value) -> anyhow::Result<Vec<u8>> {
        let digest = descriptor.get("digest").and_then(Value::as_str);
        let hash = digest.and_then(|digest| digest.strip_prefix("sha256:"));
        let hash = hash.with_context(|| format!("{descriptor}"))?;
        let content = self.read(&format!("blobs/sha256/{hash}"))?;
        assert_eq!(sha256(&content), hash);
        assert_eq!(descriptor.get("size"), Some(&json!(content.len())));
        Ok(content)
    }

    fn document(&self, descriptor: &Value) -> anyhow::Result<Value> {
        Ok(serde_json::from_slice(&self.blob(descriptor)?)?)
    }
}

pub(crate) fn an_image_holds_the_module_as_fetchers_want_it(world: &World) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    for (name, module) in [
        ("api-credits", world.artifacts.module.clone()),
        ("api-credits-headers", headers_module()?),
    ] {
        let told = pack(&module, name, folder.path())?;
        let layout = Layout(folder.path().join(name));
        let version: Value = serde_json::from_slice(&layout.read("oci-layout")?)?;
        assert_eq!(version, json!({ "imageLayoutVersion": "1.0.0" }));
        let index: Value = serde_json::from_slice(&layout.read("index.json")?)?;
        let described = only(&index, "/manifests")?;
        assert_eq!(
            kind(described),
            "application/vnd.oci.image.manifest.v1+json"
        );
        let digest = described.get("digest").and_then(Value::as_str);
        let place = layout.0.display();
        assert_eq!(told, format!("{place} {}\n", digest.context("no digest")?));

        let manifest = layout.document(described)?;
        assert_eq!(kind(&manifest), kind(described));
        let variant = manifest.pointer("/annotations/module.wasm.image~1variant");
        assert_eq!(variant, Some(&json!("compat")));
        let config = manifest.get("config").context("no config")?;
        assert_eq!(kind(config), "application/vnd.oci.image.config.v1+json");
        let layer = only(&manifest, "/layers")?;
        assert_eq!(kind(layer), "application/vnd.oci.image.layer.v1.tar+gzip");
        let mut archive = Vec::new();
        GzDecoder::new(layout.blob(layer)?.as_slice()).read_to_end(&mut archive)?;
        let unpacked = layout.document(config)?;
        let unpacked = only(&unpacked, "/rootfs/diff_ids")?;
        assert_eq!(unpacked, &json!(format!("sha256:{}", sha256(&archive))));

        let files = files(&archive)?;
        let files: Vec<_> = files
            .iter()
            .map(|(name, bytes)| (name.as_str(), *bytes))
            .collect();
        ensure!(
            files == [("plugin.wasm", fs::read(&module)?.as_slice())],
            "not the module alone is in {name}"
        );
    }
    Ok(())
}

pub(crate) fn the_same_module_gives_the_same_image(world: &World) -> anyhow::Result<()> {
    let (first, second) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let name = "api-credits";
    for folder in [&first, &second, &second] {
        pack(&world.artifacts.module, name, folder.path())?;
    }
    let (first, second) = (contents(first.path())?, contents(second.path())?);
    assert_eq!(
        first.keys().collect::<Vec<_>>(),
        second.keys().collect::<Vec<_>>()
    );
    ensure!(first == second, "the same files with other bytes");
    assert_eq!(first.len(), 6, "{:?}", first.keys());
    Ok(())
}

/// The packages that the filter depends on by these edges, each as a package URL.
fn depended_on(edges: &[&str]) -> anyhow::Result<BTreeSet<String>> {
    let tree = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["tree", "--locked", "--package", "api-credits", "--target"])
        .args(["wasm32-wasip1", "--prefix", "none"])
        .args(["--format", "pkg:cargo/{p}"])
        .args(edges)
        .current_dir(root())
        .output()?;
    ensure!(tree.status.success(), "cargo tree failed");
    let tree = String::from_utf8(tree.stdout)?;
    let packages = tree.lines().skip(1).filter_map(|line| {
        let (name, rest) = line.trim_end_matches(" (*)").split_once(" v")?;
        Some(format!("{name}@{}", rest.split(' ').next()?))
    });
    Ok(packages.collect())
}

pub(crate) fn the_bill_of_materials_lists_what_is_in_the_module(
    world: &World,
) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let module = &world.artifacts.module;
    pack(module, "api-credits", folder.path())?;
    let bill = fs::read(folder.path().join("api-credits.cdx.json"))?;
    let bill: Value = serde_json::from_slice(&bill)?;
    assert_eq!(bill.get("bomFormat"), Some(&json!("CycloneDX")));
    let hash = bill.pointer("/metadata/component/hashes/0/content");
    assert_eq!(hash, Some(&json!(sha256(&fs::read(module)?))));

    let components = bill.get("components").and_then(Value::as_array);
    let mut known = BTreeMap::new();
    for component in components.context("no components")? {
        let text = |key| {
            component
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let (name, version) = (text("name"), text("version"));
        assert_eq!(text("purl"), format!("pkg:cargo/{name}@{version}"));
        for pointer in ["/licenses/0/expression", "/hashes/0/content"] {
            ensure!(
                component.pointer(pointer).is_some(),
                "{name} has no {pointer}"
            );
        }
        known.insert(text("purl"), name);
    }
    // What `cargo tree` says, which walks the graph by itself; the build script puts the data of what it depends on into the module.
    let mut expected = depended_on(&["--edges", "normal"])?;
    expected.extend(depended_on(&["--edges", "build", "--depth", "1"])?);
    let listed: Vec<_> = known.keys().copied().collect();
    assert_eq!(
        listed,
        expected.iter().map(String::as_str).collect::<Vec<_>>()
    );

    // Everything that is depended on is described.
    let dependencies = bill.get("dependencies").and_then(Value::as_array);
    for dependency in dependencies.context("no dependencies")? {
        let on = dependency.get("dependsOn").and_then(Value::as_array);
        for reference in on.context("no dependsOn")? {
            let reference = reference.as_str().unwrap_or_default();
            ensure!(
                known.contains_key(reference),
                "{reference} is not described"
            );
        }
    }
    Ok(())
}

fn pack(module: &Path, name: &str, folder: &Path) -> anyhow::Result<String> {
    let output = Command::new(root().join("envoy/package"))
        .arg(module)
        .arg(name)
        .arg(folder)
        .output()
        .context("cannot run envoy/package")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "envoy/package: {complaint}");
    Ok(String::from_utf8(output.stdout)?)
}

fn sha256(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn kind(described: &Value) -> &str {
    let kind = described.get("mediaType").and_then(Value::as_str);
    kind.unwrap_or_default()
}

/// The only element of a list.
fn only<'a>(document: &'a Value, pointer: &str) -> anyhow::Result<&'a Value> {
    match document.pointer(pointer).and_then(Value::as_array) {
        Some(list) if list.len() == 1 => list.first().context("an empty list"),
        _ => anyhow::bail!("not one element at {pointer} of {document}"),
    }
}

/// The files of a tar archive, whose headers must be right.
fn files(archive: &[u8]) -> anyhow::Result<Vec<(String, &[u8])>> {
    let mut files = Vec::new();
    let mut rest = archive;
    while let Some((head, after)) = rest.split_at_checked(512) {
        if head.iter().all(|byte| *byte == 0) {
            ensure!(
                after.iter().all(|byte| *byte == 0),
                "something after the end"
            );
            return Ok(files);
        }
        let field = |from: usize, length: usize| {
            let bytes = head.iter().skip(from).take(length).copied();
            let bytes: Vec<_> = bytes.take_while(|byte| *byte != 0).collect();
            String::from_utf8(bytes)
        };
        let octal =
            |from, length| anyhow::Ok(usize::from_str_radix(field(from, length)?.trim(), 8)?);
        // The sum of the header's bytes, with blanks in its own place.
        let sum = head.iter().enumerate().map(|(at, byte)| match at {
            148..156 => usize::from(b' '),
            _ => usize::from(*byte),
        });
        assert_eq!(octal(148, 8)?, sum.sum::<usize>());
        let size = octal(124, 12)?;
        let (content, _) = after.split_at_checked(size).context("cut off")?;
        files.push((field(0, 100)?, content));
        let (_, next) = after
            .split_at_checked(size.next_multiple_of(512))
            .context("cut off")?;
        rest = next;
    }
    anyhow::bail!("an archive without an end")
}

/// All files below a folder.
fn contents(folder: &Path) -> anyhow::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(place) = waiting.pop() {
        for entry in fs::read_dir(place)? {
            let path = entry?.path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                found.insert(path.strip_prefix(folder)?.to_owned(), fs::read(&path)?);
            }
        }
    }
    Ok(found)
}
