//! Metrics.

use wasmtime::{Caller, Linker};

use super::call::{Hostcall, answer, region};
use crate::abi::MetricType;
use crate::guest::refused::Refused;
use crate::guest::vm_state::VmState;
use crate::host::access::{Access, Kind};

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_define_metric",
        |caller: Caller<'_, VmState>, kind: u32, name: u32, name_length: u32, id: u32| {
            answer(caller, "proxy_define_metric", |call| {
                let kind = MetricType::from_number(kind).ok_or(Refused::UnknownMetricType(kind))?;
                call.argument(kind);
                let name =
                    String::from_utf8_lossy(&call.text(region(name, name_length))?).into_owned();
                let state = call.state_mut();
                let defined = state.metric_ids.define(
                    kind,
                    name,
                    &mut state.host.process.metrics.borrow_mut(),
                );
                call.answered(defined);
                call.write(id, &defined.to_le_bytes())
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_increment_metric",
        |caller: Caller<'_, VmState>, id: u32, offset: i64| {
            answer(caller, "proxy_increment_metric", |call| {
                metric(call, id);
                call.argument(offset);
                let state = call.state();
                let name = state.metric_ids.name(id);
                state.host.touch(|| Access::of_metric(name, Kind::Add));
                Ok(state.metric_ids.increment(
                    id,
                    offset,
                    &mut state.host.process.metrics.borrow_mut(),
                )?)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_record_metric",
        |caller: Caller<'_, VmState>, id: u32, value: u64| {
            answer(caller, "proxy_record_metric", |call| {
                metric(call, id);
                call.argument(value);
                let state = call.state();
                reach(state, id, Kind::Write);
                Ok(state.metric_ids.record(
                    id,
                    value,
                    &mut state.host.process.metrics.borrow_mut(),
                )?)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_metric",
        |caller: Caller<'_, VmState>, id: u32, value: u32| {
            answer(caller, "proxy_get_metric", |call| {
                metric(call, id);
                let state = call.state();
                reach(state, id, Kind::Read);
                let found = state
                    .metric_ids
                    .get(id, &state.host.process.metrics.borrow())?;
                call.answered(found);
                call.write(value, &found.to_le_bytes())
            })
        },
    )?;
    Ok(())
}

/// Notes a metric by its name where it has one.
fn metric(call: &mut Hostcall<'_>, id: u32) {
    if !call.is_traced() {
        return;
    }
    let shown = call
        .state()
        .metric_ids
        .name(id)
        .map_or_else(|| id.to_string(), |name| format!("{id} {name:?}"));
    call.argument(shown);
}

fn reach(state: &VmState, id: u32, kind: Kind) {
    let name = state.metric_ids.name(id);
    state.host.reach(|| Access::of_metric(name, kind));
}
