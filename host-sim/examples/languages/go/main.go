// A filter in Go: denies requests with the header x-deny, and says in every answer what it is written in.
//
// Go compiles to a module of its own kind (wasip1, c-shared), whose functions the host calls. There is no SDK in between.
package main

import "unsafe"

const (
	requestHeaders  = 0
	responseHeaders = 2

	ok = 0

	goOn = 0
	hold = 1
)

//go:wasmimport env proxy_get_header_map_value
func getHeader(of uint32, name unsafe.Pointer, length uint32, value, valueLength unsafe.Pointer) uint32

//go:wasmimport env proxy_add_header_map_value
func addHeader(of uint32, name unsafe.Pointer, length uint32, value unsafe.Pointer, valueLength uint32) uint32

//go:wasmimport env proxy_send_local_response
func answer(status uint32, details unsafe.Pointer, detailsLength uint32, body unsafe.Pointer, bodyLength uint32, headers unsafe.Pointer, headersLength uint32, grpcStatus int32) uint32

func data(text string) (unsafe.Pointer, uint32) {
	return unsafe.Pointer(unsafe.StringData(text)), uint32(len(text))
}

// given keeps what the host was given memory for until it gives the next.
var given []byte

//go:wasmexport proxy_on_memory_allocate
func allocate(size uint32) unsafe.Pointer {
	given = make([]byte, size+1)
	return unsafe.Pointer(&given[0])
}

//go:wasmexport proxy_abi_version_0_2_1
func abi() {}

//go:wasmexport proxy_on_request_headers
func onRequestHeaders(context, headers, last uint32) uint32 {
	var value, length uint32
	name, nameLength := data("x-deny")
	if getHeader(requestHeaders, name, nameLength, unsafe.Pointer(&value), unsafe.Pointer(&length)) != ok {
		return goOn
	}
	body, bodyLength := data("denied\n")
	details, detailsLength := data("denied by Go")
	answer(403, details, detailsLength, body, bodyLength, nil, 0, -1)
	return hold
}

//go:wasmexport proxy_on_response_headers
func onResponseHeaders(context, headers, last uint32) uint32 {
	name, nameLength := data("x-language")
	value, valueLength := data("go")
	addHeader(responseHeaders, name, nameLength, value, valueLength)
	return goOn
}

func main() {}
