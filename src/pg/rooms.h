// The rooms of src/ from the lowest to the highest. Each is a namespace, which uses the namespaces of rooms below it.
// Includes go the same way; tests/house checks that.
#pragma once

namespace topk {
namespace pg {}
namespace catalog {
using namespace pg;
}
namespace stream {
using namespace pg;
using namespace catalog;
} // namespace stream
namespace statistics {
using namespace pg;
using namespace catalog;
using namespace stream;
} // namespace statistics
namespace cluster {
using namespace pg;
using namespace catalog;
} // namespace cluster
namespace fold {
using namespace pg;
using namespace catalog;
using namespace stream;
using namespace statistics;
} // namespace fold
namespace answer {
using namespace pg;
using namespace catalog;
using namespace stream;
using namespace statistics;
using namespace cluster;
} // namespace answer
namespace define {
using namespace pg;
using namespace catalog;
using namespace stream;
using namespace statistics;
using namespace cluster;
using namespace answer;
using namespace fold;
} // namespace define
namespace worker {
using namespace pg;
using namespace catalog;
using namespace stream;
using namespace statistics;
using namespace cluster;
using namespace fold;
using namespace define;
} // namespace worker
namespace module {
using namespace pg;
using namespace catalog;
using namespace stream;
using namespace statistics;
using namespace worker;
} // namespace module
} // namespace topk
