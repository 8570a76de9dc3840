// @medplum/core names WebSocket when it is loaded, which Node has from 22 on.
// Nothing here opens one.
globalThis.WebSocket ??= class extends EventTarget {};
