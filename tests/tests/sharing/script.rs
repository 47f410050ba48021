//! Whether the engine in memory does what the script does in Valkey.

use api_credits_tests::engine::{
    program::Program,
    script::Script,
    server::{Server, Settings, command_as},
};
use jiff::Timestamp;
use rand::{RngExt as _, SeedableRng as _};

/// The engine in memory does, number for number, what the filter's script does in Valkey.
#[test]
fn the_engine_in_memory_does_what_the_script_does() {
    const SCRIPT: &str = include_str!("../../../plugin/src/outbound/engine/share.lua");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let settings = Settings {
        open: true,
        ..Settings::default()
    };
    let program = Program::valkey().unwrap();
    let server = runtime.block_on(Server::start(&program, settings)).unwrap();
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(6);
    let mut script = Script::default();
    let mut seen = [0_u32; 3];
    let mut birth = 0;
    for number in 0..600 {
        // Every hundred messages another organization, of which the first word may be that of one that has lost its engine.
        let day = format!("d{}", number / 100);
        let calls = format!("c{}", number / 100);
        let place = format!("e{}", number / 100);
        if number % 100 == 0 {
            // An engine that is young, or grown: the others wait for its proxies for 100,000 seconds or not at all.
            birth = Timestamp::now().as_microsecond() - 1_000_000;
            script.born(&place, birth);
            let birth = birth.to_string();
            let preset = ["HSET", &place, "birth", &birth];
            let set = runtime.block_on(command_as(server.address, None, &preset));
            assert_eq!(set.unwrap(), ":1");
        }
        let stated = match random.random_range(0..40) {
            0 if number % 100 > 30 => birth - 1,
            1..10 => 0,
            _ => birth,
        };
        let held = random.random_range(0..60_i64);
        let numbers = [
            random.random_range(1..number % 100 + 9), // the message: sometimes one that comes late
            random.random_range(0..=held),
            held,
            random.random_range(0..5),
            random.random_range(0..30),
            random.random_range(0..60),
            random.random_range(50..400),
            if number % 200 < 100 {
                5
            } else {
                random.random_range(1..4)
            },
            4_102_444_800,
            random.random_range(0..30),
            random.random_range(0..20),
            random.random_range(0..3),
            random.random_range(0..3),
            random.random_range(-1..6),
            // In another order than they come, and seconds apart, as the two clocks may be.
            100_000 + number * 37 % 1_009 * 10,
            if number % 200 < 100 { 100_000 } else { 0 },
            stated,
        ];
        let id = format!("p{}", random.random_range(0..4));
        let numbers: Vec<_> = numbers.iter().map(i64::to_string).collect();
        let mut words = vec!["EVAL", SCRIPT, "3", &day, &calls, &place, &id];
        words.extend(numbers.iter().map(String::as_str));
        let valkeys = runtime
            .block_on(command_as(server.address, None, &words))
            .unwrap();
        let command: Vec<_> = words
            .iter()
            .map(|word| format!("${}\r\n{word}\r\n", word.len()))
            .collect();
        let command = format!("*{}\r\n{}", words.len(), command.concat());
        let ours = script
            .answer(command.as_bytes(), Timestamp::now().as_second())
            .unwrap();
        let ours = String::from_utf8(ours).unwrap();
        assert_eq!(ours.trim_end(), valkeys, "message {number}: {words:?}");
        let granted: i64 = ours.split("\r\n:").nth(2).unwrap().parse().unwrap();
        seen[usize::try_from(granted.signum() + 1).unwrap()] += 1;
    }
    assert!(
        seen.iter().all(|times| *times > 20),
        "granted nothing yet, nothing, something: {seen:?}"
    );
}
