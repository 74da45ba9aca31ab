// The launcher: keeps a worker in every database that has the extension.
#pragma once

namespace topk::worker {

// Called in _PG_init when shared_preload_libraries loads the library.
void register_launcher();

} // namespace topk::worker
