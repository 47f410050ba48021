//! Modules, scenarios and access logs, as `host-sim` reads them.

use std::path::Path;
use std::sync::LazyLock;

use host_sim::access_log::{Fields, Format, Reader};
use host_sim::scenario::{Scenario, ScenarioError};
use host_sim::target::Request;
use host_sim::{Module, Simulator};

/// Guests that make nearly all hostcalls.
static GUESTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let texts = [
        include_str!("../../bare/counter.wat"),
        include_str!("../../bare/hostcalls.wat"),
        include_str!("../../guests/callouts.wat"),
        include_str!("../../guests/chain.wat"),
        include_str!("../../guests/grpc.wat"),
        include_str!("../../guests/names.wat"),
        include_str!("../../guests/surroundings.wat"),
    ];
    texts
        .iter()
        .map(|text| wat::parse_str(text).unwrap())
        .collect()
});

/// Whatever a module is and does, the simulator says how it went; whatever a log holds, each of its lines is told of once; and whatever is
/// wrong with a scenario has a place in it.
///
/// The input's first byte says what it is: `s` a scenario, `l` a log, `m` a module, and anything else the number of a guest, behind
/// which each three bytes are a place in it and what stands there instead.
pub fn modules(data: &[u8]) {
    match data {
        [b's', text @ ..] => scenario(&String::from_utf8_lossy(text)),
        [b'l', text @ ..] => log(text),
        [b'm', bytes @ ..] => module(bytes),
        [guest, edits @ ..] => {
            let mut bytes = GUESTS[usize::from(*guest) % GUESTS.len()].clone();
            let (edits, _) = edits.as_chunks::<3>();
            for [high, low, byte] in edits {
                let place = usize::from(u16::from_be_bytes([*high, *low])) % bytes.len();
                bytes[place] = *byte;
            }
            module(&bytes);
        }
        [] => {}
    }
}

fn module(bytes: &[u8]) {
    // The text format is another project's to parse.
    if !bytes.starts_with(b"\0asm") {
        return;
    }
    let Ok(module) = Module::from_bytes(bytes) else {
        return;
    };
    let simulator = Simulator::builder(&module)
        .configuration("{}")
        .instruction_limit(50_000)
        .memory_limit(4 << 20)
        .start();
    let Ok(mut simulator) = simulator else {
        return;
    };
    let request = Request {
        body: vec![b"{}".to_vec()],
        ..Request::default()
    };
    for _ in 0..2 {
        match simulator.exchange(&request) {
            Ok(exchange) => assert!(
                exchange.status == 0 || (100..1_000).contains(&exchange.status),
                "{}",
                exchange.status
            ),
            Err(error) => {
                assert!(!error.to_string().is_empty());
                return;
            }
        }
    }
    simulator.shut_down();
}

fn scenario(text: &str) {
    match Scenario::from_toml(text, Path::new("fuzzed.toml")) {
        Ok(scenario) => assert!(
            scenario
                .steps()
                .iter()
                .all(|step| step.requests().len() <= text.len())
        ),
        Err(ScenarioError::Invalid {
            line,
            column,
            message,
            ..
        }) => {
            assert!(
                line >= 1 && line <= text.split('\n').count() && column >= 1,
                "{line}:{column}"
            );
            assert!(!message.is_empty());
        }
        Err(error) => panic!("{error}"),
    }
}

fn log(text: &[u8]) {
    let fields = Fields::new(&["organization"]);
    let Some(format) = Format::detect(text, &fields) else {
        return;
    };
    let lines = text.iter().filter(|byte| **byte == b'\n').count() + 1;
    let rows = lines + text.iter().filter(|byte| **byte == b'\r').count();
    let mut reader = Reader::new(text, &format, &fields);
    let (mut told, mut last) = (0, 0);
    while let Some(read) = reader.next_line().unwrap() {
        told += 1;
        match read {
            Ok(entry) => {
                assert_eq!(entry.values.len(), 1);
                assert!(entry.status < 1_000);
            }
            Err(unread) => {
                // A CR alone ends a row of a table, and no line.
                assert!(unread.line >= last, "line {} after {last}", unread.line);
                last = unread.line;
                assert!(!unread.text.contains(char::is_control));
            }
        }
        assert!(told <= rows, "{told} of {rows} rows");
    }
    assert!(last <= lines as u64);
}
