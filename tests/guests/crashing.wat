;; A filter that crashes when a request has a body.
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 32768))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) unreachable))
