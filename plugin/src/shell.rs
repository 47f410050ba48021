//! The only place that knows the proxy: the contexts of the SDK, what is read of a call and done to it, and the hostcalls, all of which
//! are made in `host`.

mod allocator;
mod call;
mod filter;
mod host;
mod memcmp;
mod plugin;

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|context| Box::new(plugin::Plugin::new(context)));
}}
