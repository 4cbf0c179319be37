//! The contract as generated Rust. Private to the runtime: nothing outside it may name these types.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "connector-component",
    // Not async in the contract, but it must not hold a thread either.
    exports: { "sluice:connector/connector.describe": async },
});
