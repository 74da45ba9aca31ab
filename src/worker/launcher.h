// The launcher: keeps a worker in every database that has the extension.
#pragma once

namespace topk::worker {

// In _PG_init, from shared_preload_libraries.
void register_launcher();

} // namespace topk::worker
