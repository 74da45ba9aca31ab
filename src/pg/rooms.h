// The rooms of src/, each a namespace, from the lowest to the highest: a room sees the names of those below it. Includes go
// the same way, which tests/house checks.
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
} // namespace answer
namespace define {
using namespace pg;
using namespace catalog;
using namespace stream;
using namespace statistics;
using namespace fold;
} // namespace define
namespace worker {
using namespace pg;
using namespace catalog;
using namespace stream;
using namespace statistics;
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
