// Read before anything of better-sqlite3 12: node::ObjectWrap as it was before Node 24.19, which has it register a hook
// with the environment and remove that hook when the object is collected. Where the collector runs outside any
// context, Node then aborts: Assertion failed: (env) != nullptr. (better-sqlite3 13 uses Node-API, and crashes on Node 20.)
#include <node.h>
#define AddEnvironmentCleanupHook(...) static_cast<void>(0)
#define RemoveEnvironmentCleanupHook(...) static_cast<void>(0)
#include <node_object_wrap.h>
#undef AddEnvironmentCleanupHook
#undef RemoveEnvironmentCleanupHook
