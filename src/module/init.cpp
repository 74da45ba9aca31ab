// _PG_init: what the library does when it is loaded.
#include "../worker/launcher.h"
#include "../worker/settings.h"
#include "../worker/slots.h"
#include "../worker/utility_hook.h"

extern "C" {
__attribute__((visibility("default"))) void _PG_init(void);

void _PG_init(void) {
    using namespace topk::rollup;
    define_settings();
    if (!process_shared_preload_libraries_in_progress)
        return;
    request_shared_memory();
    install_utility_hook();
    register_launcher();
}
}
