// Faults that tests/boundary must find: destructors (one in a cold part) and a catch block around a call of the server, and a destructor
// in a noexcept function, which landing_pads cannot find.
extern "C" void server_function();
extern "C" void *server_memory(unsigned long size) noexcept;
extern "C" void release(void *pointer) noexcept;

struct Owner {
    void *memory = server_memory(1);
    ~Owner() { release(memory); }
};
void owns() {
    Owner owner;
    server_function();
}
void catches() {
    try {
        server_function();
    } catch (...) {
    }
}
void owns_unseen() noexcept {
    Owner owner;
    server_function();
}
void owns_nothing() { server_function(); }

namespace topk::pg {
template <class Work>
[[gnu::noinline]] void attempt(const Work &work) noexcept {
    try {
        work();
    } catch (...) {
    }
}
} // namespace topk::pg
void attempts() {
    topk::pg::attempt([] { server_function(); });
}
