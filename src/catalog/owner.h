// A rollup belongs to the owner of its source.
#pragma once

#include "../pg/executor.h"

extern "C" {
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "utils/syscache.h"
}

namespace topk::catalog {

inline bool is_owner(Oid user, Oid source) {
#if PG_VERSION_NUM >= 160000
    return object_ownercheck(RelationRelationId, source, user);
#else
    return pg_class_ownercheck(source, user);
#endif
}
inline bool is_owner(Oid source) { return is_owner(GetUserId(), source); }

inline Oid owner_of(Oid source) {
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(source));
    if (!HeapTupleIsValid(tuple)) // dropped by a session whose event triggers were off
        return InvalidOid;
    const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
    ReleaseSysCache(tuple);
    return owner;
}

inline void require_ownership(Oid source) {
    if (!is_owner(source))
        aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(get_rel_relkind(source)), get_rel_name(source));
}

} // namespace topk::catalog
