//! The plugin, and its calls.

use std::rc::Rc;

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};

use crate::command::{Command, Outcome};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Plugin { script: Rc::new(Vec::new()) }));
}}

/// The commands, in order.
type Script = Rc<Vec<Command>>;

/// The plugin.
struct Plugin {
    script: Script,
}

/// A call.
struct Call {
    script: Script,
}

/// Does what there is to do in a callback. Says whether the message goes on.
fn run(script: &Script, callback: &str) -> Action {
    let mut action = Action::Continue;
    for command in script.iter().filter(|command| command.callback == callback) {
        match command.execute() {
            Outcome::Pauses => action = Action::Pause,
            Outcome::Gives(result) => {
                let line = format!("{command}: {result}");
                // A plugin that cannot even log has nobody to tell.
                let _ = hostcalls::log(LogLevel::Warn, &line);
            }
        }
    }
    action
}

impl Context for Plugin {
    fn on_http_call_response(&mut self, _: u32, _: usize, _: usize, _: usize) {
        run(&self.script, "answer");
    }
}

impl RootContext for Plugin {
    fn on_configure(&mut self, _: usize) -> bool {
        let bytes = self.get_plugin_configuration().unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        self.script = Rc::new(text.lines().filter_map(Command::parse).collect());
        run(&self.script, "start");
        true
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        let script = Rc::clone(&self.script);
        Some(Box::new(Call { script }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Context for Call {
    fn on_http_call_response(&mut self, _: u32, _: usize, _: usize, _: usize) {
        run(&self.script, "answer");
    }
}

impl HttpContext for Call {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        run(&self.script, "request")
    }

    fn on_http_request_body(&mut self, _: usize, end: bool) -> Action {
        run(
            &self.script,
            if end { "request_end" } else { "request_body" },
        )
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        run(&self.script, "response")
    }

    fn on_http_response_body(&mut self, _: usize, end: bool) -> Action {
        run(
            &self.script,
            if end { "response_end" } else { "response_body" },
        )
    }

    fn on_log(&mut self) {
        run(&self.script, "log");
    }
}
