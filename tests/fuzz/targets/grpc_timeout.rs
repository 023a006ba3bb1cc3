#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| chassis::fuzzing::grpc_timeout(data));
