;; A filter that does what a request asks for, so that one Envoy and one simulation can be put through everything.
;;
;; The header x-do has six letters, one for each callback in order: request headers, body, trailers, response headers, body,
;; trailers. What the letters mean is beside the functions; any other letter lets the part pass as it is.
(module
  (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $replace (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_remove_header_map_value" (func $remove (param i32 i32 i32) (result i32)))
  (import "env" "proxy_set_buffer_bytes" (func $edit (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response"
    (func $respond (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
  (import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
  (import "env" "proxy_get_property" (func $property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $set_property (param i32 i32 i32 i32) (result i32)))

  (memory (export "memory") 8)
  (data (i32.const 16) "x-do")
  (data (i32.const 32) "x-added ")
  (data (i32.const 48) "yes")
  (data (i32.const 64) "x-a")
  (data (i32.const 80) "new")
  (data (i32.const 96) "local")
  (data (i32.const 112) "<>R")
  ;; One header, x-local: 1.
  (data (i32.const 128) "\01\00\00\00\07\00\00\00\01\00\00\00x-local\001\00")

  (data (i32.const 160) "content-length")
  (data (i32.const 192) "7")
  (data (i32.const 208) "response\00code_details")
  (data (i32.const 240) "response\00flags")
  (data (i32.const 272) "seen")
  (data (i32.const 288) "0123456789abcdef")
  (data (i32.const 304) "upstream\00request_attempt_count")

  (func (export "proxy_abi_version_0_2_1"))

  ;; What the host hands over is looked at once, so that the memory can be used again and again.
  (global $top (mut i32) (i32.const 0x20000))
  (func (export "malloc") (param $size i32) (result i32)
    (local $start i32)
    (if (i32.gt_u (i32.add (global.get $top) (local.get $size)) (i32.const 0x70000))
      (then (global.set $top (i32.const 0x20000))))
    (local.set $start (global.get $top))
    (global.set $top (i32.add (global.get $top) (local.get $size)))
    (local.get $start))

  ;; Where the letters of a stream are kept.
  (func $script (param $id i32) (result i32)
    (i32.add (i32.const 0x8000) (i32.shl (i32.and (local.get $id) (i32.const 1023)) (i32.const 3))))
  (func $letter (param $id i32) (param $part i32) (result i32)
    (i32.load8_u (i32.add (call $script (local.get $id)) (local.get $part))))
  ;; Which callbacks a stream has had, in order and each time once: H B T of the request, h b t of the response, and behind h how often
  ;; an upstream had been asked by then.
  (func $seen (param $id i32) (result i32)
    (i32.add (i32.const 0x10000) (i32.shl (i32.and (local.get $id) (i32.const 1023)) (i32.const 5))))
  (func $see (param $id i32) (param $letter i32)
    (local $slot i32) (local $count i32)
    (local.set $slot (call $seen (local.get $id)))
    (local.set $count (i32.load8_u (local.get $slot)))
    (if (i32.or (i32.ge_u (local.get $count) (i32.const 30))
        (i32.eq (i32.load8_u (i32.add (local.get $slot) (local.get $count))) (local.get $letter)))
      (then (return)))
    (local.set $count (i32.add (local.get $count) (i32.const 1)))
    (i32.store8 (i32.add (local.get $slot) (local.get $count)) (local.get $letter))
    (i32.store8 (local.get $slot) (local.get $count)))

  ;; What there is to tell of the last stream that ended: its callbacks, response.code_details, response.flags, response.code and
  ;; upstream.request_attempt_count.
  (global $told (mut i32) (i32.const 0))
  (func $tell (param $from i32) (param $length i32)
    (if (i32.gt_u (local.get $length) (i32.const 400)) (then (local.set $length (i32.const 400))))
    (memory.copy (i32.add (i32.const 0x70010) (global.get $told)) (local.get $from) (local.get $length))
    (global.set $told (i32.add (global.get $told) (local.get $length))))
  (func $tell_property (param $path i32) (param $length i32) (result i32)
    (i64.store (i32.const 0) (i64.const 0))
    (call $property (local.get $path) (local.get $length) (i32.const 0) (i32.const 4)))
  ;; In hexadecimal; nothing of one that there is not.
  (func $tell_number (param $path i32) (param $length i32)
    (local $place i32)
    (if (call $tell_property (local.get $path) (local.get $length)) (then (return)))
    (local.set $place (i32.const 60))
    (loop $digits
      (call $tell
        (i32.add (i32.const 288) (i32.and (i32.const 15)
          (i32.wrap_i64 (i64.shr_u (i64.load (i32.load (i32.const 0))) (i64.extend_i32_u (local.get $place))))))
        (i32.const 1))
      (local.set $place (i32.sub (local.get $place) (i32.const 4)))
      (br_if $digits (i32.ge_s (local.get $place) (i32.const 0)))))
  (func (export "proxy_on_log") (param $id i32)
    (global.set $told (i32.const 0))
    (call $tell (i32.add (call $seen (local.get $id)) (i32.const 1)) (i32.load8_u (call $seen (local.get $id))))
    (call $tell (i32.const 39) (i32.const 1))
    (if (i32.eqz (call $tell_property (i32.const 208) (i32.const 21)))
      (then (call $tell (i32.load (i32.const 0)) (i32.load (i32.const 4)))))
    (call $tell (i32.const 39) (i32.const 1))
    (call $tell_number (i32.const 240) (i32.const 14))
    (call $tell (i32.const 39) (i32.const 1))
    ;; The beginning of the path of the details.
    (call $tell_number (i32.const 208) (i32.const 13))
    (call $tell (i32.const 39) (i32.const 1))
    (call $tell_number (i32.const 304) (i32.const 30))
    (drop (call $set_property (i32.const 272) (i32.const 4) (i32.const 0x70010) (global.get $told))))

  (func $is (param $letter i32) (param $expected i32) (result i32)
    (i32.eq (local.get $letter) (local.get $expected)))

  ;; Answers to a request are "local", and those in place of an answer "loca".
  (func $answer (param $stream i32) (result i32)
    (drop (call $respond (i32.const 418) (i32.const 96) (i32.const 5)
      (i32.const 96) (i32.sub (i32.const 5) (local.get $stream))
      (i32.const 128) (i32.const 22) (i32.const -1)))
    i32.const 1)

  ;; a: adds a header. r: replaces one. d: removes one. c: says that the body has seven bytes.
  (func $change (param $letter i32) (param $map i32)
    (if (call $is (local.get $letter) (i32.const 97)) (then
      (drop (call $add (local.get $map) (i32.const 32) (i32.const 7) (i32.const 48) (i32.const 3)))))
    (if (call $is (local.get $letter) (i32.const 114)) (then
      (drop (call $replace (local.get $map) (i32.const 64) (i32.const 3) (i32.const 80) (i32.const 3)))))
    (if (call $is (local.get $letter) (i32.const 99)) (then
      (drop (call $replace (local.get $map) (i32.const 160) (i32.const 14) (i32.const 192) (i32.const 1)))))
    (if (call $is (local.get $letter) (i32.const 100)) (then
      (drop (call $remove (local.get $map) (i32.const 64) (i32.const 3))))))

  ;; l: answers by itself. k: closes the stream. s: resumes what is not held.
  ;; ?: answers with what there is to tell of the last stream that ended.
  (func $act (param $letter i32) (param $stream i32) (result i32)
    (if (call $is (local.get $letter) (i32.const 108)) (then (return (call $answer (local.get $stream)))))
    (if (call $is (local.get $letter) (i32.const 63)) (then
      (drop (call $respond (i32.const 200) (i32.const 96) (i32.const 5) (i32.const 0x70010) (global.get $told)
        (i32.const 128) (i32.const 22) (i32.const -1)))
      (return (i32.const 1))))
    (if (call $is (local.get $letter) (i32.const 107)) (then (drop (call $close (local.get $stream)))))
    (if (call $is (local.get $letter) (i32.const 115)) (then (drop (call $continue (local.get $stream)))))
    i32.const 0)

  ;; b: holds the headers until the body has something to say. Whoever changes the size of the body takes the old one away.
  (func $headers (param $letter i32) (param $body i32) (param $map i32) (param $stream i32) (param $end i32) (result i32)
    (if (i32.or (i32.or (call $is (local.get $body) (i32.const 66)) (call $is (local.get $body) (i32.const 82)))
        (i32.or (call $is (local.get $body) (i32.const 101)) (call $is (local.get $body) (i32.const 69))))
      (then (drop (call $remove (local.get $map) (i32.const 160) (i32.const 14)))))
    (call $change (local.get $letter) (local.get $map))
    (if (call $is (local.get $letter) (i32.const 98)) (then (return (i32.eqz (local.get $end)))))
    (call $act (local.get $letter) (local.get $stream)))

  ;; b: holds the body until all of it is there. B: so, and then puts something before it. R: so, and then replaces it.
  ;; p: puts something before each piece, whatever the headers say of the size. e: puts something before each piece. E: puts something behind each piece. t: adds a trailer at the end.
  (func $body (param $letter i32) (param $buffer i32) (param $trailers i32) (param $stream i32) (param $end i32) (result i32)
    (if (i32.or (call $is (local.get $letter) (i32.const 98))
        (i32.or (call $is (local.get $letter) (i32.const 66)) (call $is (local.get $letter) (i32.const 82))))
      (then (if (i32.eqz (local.get $end)) (then (return (i32.const 1))))))
    (if (i32.or (call $is (local.get $letter) (i32.const 66)) (i32.or
        (call $is (local.get $letter) (i32.const 101)) (call $is (local.get $letter) (i32.const 112)))) (then
      (drop (call $edit (local.get $buffer) (i32.const 0) (i32.const 0) (i32.const 112) (i32.const 1)))))
    ;; q: drops the first two bytes of each piece, whatever the headers say of the size. w: drops all of it.
    (if (call $is (local.get $letter) (i32.const 113)) (then
      (drop (call $edit (local.get $buffer) (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)))))
    (if (call $is (local.get $letter) (i32.const 119)) (then
      (drop (call $edit (local.get $buffer) (i32.const 0) (i32.const 0x7fffffff) (i32.const 0) (i32.const 0)))))
    (if (call $is (local.get $letter) (i32.const 69)) (then
      (drop (call $edit (local.get $buffer) (i32.const 0x7fffffff) (i32.const 0) (i32.const 113) (i32.const 1)))))
    (if (call $is (local.get $letter) (i32.const 82)) (then
      (drop (call $edit (local.get $buffer) (i32.const 0) (i32.const 0x7fffffff) (i32.const 114) (i32.const 1)))))
    (if (i32.and (call $is (local.get $letter) (i32.const 116)) (local.get $end)) (then
      (drop (call $add (local.get $trailers) (i32.const 32) (i32.const 7) (i32.const 48) (i32.const 3)))))
    (call $act (local.get $letter) (local.get $stream)))

  (func (export "proxy_on_request_headers") (param $id i32) (param $count i32) (param $end i32) (result i32)
    (i64.store (call $seen (local.get $id)) (i64.const 0))
    (call $see (local.get $id) (i32.const 72))
    (i64.store (call $script (local.get $id)) (i64.const 0))
    (i64.store (i32.const 0) (i64.const 0))
    (drop (call $get (i32.const 0) (i32.const 16) (i32.const 4) (i32.const 0) (i32.const 4)))
    (if (i32.ge_u (i32.load (i32.const 4)) (i32.const 6))
      (then (i64.store (call $script (local.get $id)) (i64.load (i32.load (i32.const 0))))))
    (call $headers (call $letter (local.get $id) (i32.const 0)) (call $letter (local.get $id) (i32.const 1))
      (i32.const 0) (i32.const 0) (local.get $end)))
  (func (export "proxy_on_request_body") (param $id i32) (param $size i32) (param $end i32) (result i32)
    (call $see (local.get $id) (i32.const 66))
    (call $body (call $letter (local.get $id) (i32.const 1)) (i32.const 0) (i32.const 1) (i32.const 0) (local.get $end)))
  (func (export "proxy_on_request_trailers") (param $id i32) (param $count i32) (result i32)
    (call $see (local.get $id) (i32.const 84))
    (call $change (call $letter (local.get $id) (i32.const 2)) (i32.const 1))
    i32.const 0)
  (func (export "proxy_on_response_headers") (param $id i32) (param $count i32) (param $end i32) (result i32)
    (call $see (local.get $id) (i32.const 104))
    (if (i32.eqz (call $tell_property (i32.const 304) (i32.const 30))) (then
      (call $see (local.get $id) (i32.add (i32.const 48) (i32.load8_u (i32.load (i32.const 0)))))))
    (call $headers (call $letter (local.get $id) (i32.const 3)) (call $letter (local.get $id) (i32.const 4))
      (i32.const 2) (i32.const 1) (local.get $end)))
  (func (export "proxy_on_response_body") (param $id i32) (param $size i32) (param $end i32) (result i32)
    (call $see (local.get $id) (i32.const 98))
    (call $body (call $letter (local.get $id) (i32.const 4)) (i32.const 1) (i32.const 3) (i32.const 1) (local.get $end)))
  (func (export "proxy_on_response_trailers") (param $id i32) (param $count i32) (result i32)
    (call $see (local.get $id) (i32.const 116))
    (call $change (call $letter (local.get $id) (i32.const 5)) (i32.const 3))
    i32.const 0))
