//! What is to be known before any number of a forecast is believed.

use host_sim::forecast::Forecast;
use jiff::SignedDuration;

use super::number::{count, grouped, lasting};
use super::summary::{File, ReplayReport};

/// A log that covers less than that is less than a day's traffic. Quiet nights are a part of a day.
const A_DAY: SignedDuration = SignedDuration::from_hours(18);

/// The warnings, the gravest first.
pub(super) fn warnings(document: &ReplayReport) -> Vec<String> {
    let log = &document.log;
    let mut warnings = Vec::new();
    if let (true, Some(last)) = (log.interrupted, log.last) {
        let calls = count(log.calls, "call", "calls");
        warnings.push(format!(
            "Interrupted: this is forecast from the first {calls} alone, until {} {}.",
            log.zone.time(last),
            log.zone.name
        ));
    }
    if let Some(window) = log.window_needed {
        let misplaced = log.late.saturating_add(log.astray);
        let all = log.calls.saturating_add(log.astray);
        let remedy = if log.calls > super::calls::MOST_HELD_BACK as u64 {
            "sort its lines by time".to_owned()
        } else {
            format!("say --window {window}")
        };
        warnings.push(format!(
            "The numbers are wrong: {} of {} stood too far out of order. Two logs in one file? Name them as two. Otherwise {remedy}.",
            grouped(misplaced),
            count(all, "call", "calls"),
        ));
    } else if log.late > 0 {
        let late = count(log.late, "call", "calls");
        warnings.push(format!(
            "{late} stood too far out of order and were taken later than they came (see --window)."
        ));
    }
    if let (Some(first), None) = (log.first_astray, log.window_needed) {
        let astray = count(log.astray, "line was", "lines were");
        warnings.push(format!(
            "{astray} set aside for a time that cannot be, such as {}.",
            log.zone.time(first)
        ));
    }
    for file in log.files.iter().filter(|file| file.cut_off) {
        warnings.push(format!(
            "{} is cut off: this is forecast from what was whole of it.",
            file.name
        ));
    }
    for file in &log.files {
        warnings.extend(guesses(file));
    }
    if log.without_durations {
        let names = log.names();
        let extras: Vec<_> = names
            .into_iter()
            .filter(|name| name.starts_with("extra"))
            .collect();
        let extras = match extras.as_slice() {
            [] => String::new(),
            extras => format!(
                "; behind the format's own values stand {}",
                extras.join(", ")
            ),
        };
        warnings.push(format!(
            "Concurrency is not forecast: no durations (say --field duration_ms=NAME, or duration_s, duration_us or duration_ns{extras})."
        ));
    } else if log.calls_without_duration > 0 {
        warnings.push(format!(
            "{} of {} have no duration that can be read, and are taken to be over at once.",
            grouped(log.calls_without_duration),
            count(log.calls, "call", "calls")
        ));
    }
    let Some(forecast) = document.forecasts.first() else {
        return warnings;
    };
    let by_day = forecast.organizations.iter().any(|of| of.limit.is_some());
    if let Some(covered) = log.covered()
        && by_day
        && covered < A_DAY
    {
        warnings.push(format!(
            "The log covers {} of a day, and limits are for a whole day: who goes on like this needs more than is told here.",
            lasting(covered)
        ));
    }
    for forecast in document.forecasts.iter().filter(|of| of.noted > 0) {
        warnings.push(format!(
            "{} refuses nobody: it only notes whom it would refuse. That is what is told here.",
            forecast.name
        ));
    }
    for forecast in &document.forecasts {
        warnings.extend(unproven(forecast, log.interrupted));
    }
    if let Some(nobody) = &forecast.nobody {
        let calls = count(nobody.calls, "call names", "calls name");
        warnings.push(format!(
            "{calls} no organization ({} refused).",
            grouped(nobody.refused)
        ));
    }
    for (cluster, calls) in &forecast.missing_services {
        let calls = count(*calls, "call", "calls");
        warnings.push(format!(
            "The filter made {calls} to the service `{cluster}`, of which nothing is known: none was answered (say --service \
             {cluster}=FOLDER, with its answers in files)."
        ));
    }
    if forecast.unsettled > 0 {
        let share = forecast
            .unsettled
            .saturating_mul(100)
            .checked_div(forecast.calls);
        warnings.push(format!(
            "{} ({} % of all) are settled by what their answer says, and the log does not tell that: they are charged what they are \
             estimated at (say --field HEADER=NAME with the header that settle_from names, in lower case).",
            count(forecast.unsettled, "call", "calls"),
            share.unwrap_or_default()
        ));
    }
    if forecast.without_body > 0 {
        let calls = count(forecast.without_body, "call is", "calls are");
        warnings.push(format!(
            "{calls} priced by their body, of which the log has none: the least is charged, and who made them may need more than is \
             told here (the field is request_body; see also request.bodies in --print-mapping)."
        ));
    }
    if forecast.without_head > 0 {
        let calls = count(forecast.without_head, "call is", "calls are");
        warnings.push(format!(
            "{calls} priced by headers or claims, which were not sent: they are charged what calls without them cost (see request.headers in \
             --print-mapping)."
        ));
    }
    warnings
}

/// To how many something is recommended that has not been replayed, and why not.
fn unproven(forecast: &Forecast, interrupted: bool) -> Option<String> {
    let remedies = forecast
        .organizations
        .iter()
        .filter_map(|of| of.remedy.as_ref());
    let unproven = remedies.filter(|remedy| remedy.is_unproven()).count();
    let why = if interrupted {
        "the replay was interrupted".to_owned()
    } else {
        format!(
            "{} does not say what they have, or no mapping tells where",
            forecast.name
        )
    };
    let organizations = count(unproven as u64, "organization", "organizations");
    (unproven > 0).then(|| {
        format!(
            "What would spare {organizations} is computed and not proven: it was not replayed, because {why}. It may not suffice."
        )
    })
}

/// What of a file is only likely, and makes a difference.
fn guesses(file: &File) -> Vec<String> {
    let of = |field: &str| file.taken.iter().find(|taken| taken.field == field);
    let mut told = Vec::new();
    if let Some(duration) = of("duration").filter(|duration| duration.guessed) {
        told.push(format!(
            "Nothing says what `{}` of {} is counted in: it is taken for milliseconds. If it is seconds, say --field duration_s={}.",
            duration.names.join(", "),
            file.name,
            duration.names.join(", "),
        ));
    }
    let Some(time) = of("time") else {
        return told;
    };
    let names = time.names.join(", ");
    // Of calls that take no time it makes no difference.
    if time.meaning.contains("--times") && of("duration").is_some() {
        told.push(format!(
            "Nothing says if `{names}` of {} is when a call came or when it was over: it is taken for when it came. If it was over then, as \
             in logs of nginx, say --times end.",
            file.name
        ));
    }
    if time.to_the_second && of("duration").is_some() {
        told.push(format!(
            "The times of {} are whole seconds: calls that followed each other within one are taken for calls at once.",
            file.name
        ));
    }
    if time.meaning.contains("--zone") && time.guessed {
        told.push(format!(
            "Nothing says what zone `{names}` of {} is in: it is taken for UTC (say --zone).",
            file.name
        ));
    }
    told
}
