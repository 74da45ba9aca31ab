/*
 * Test-only functions: drive an aggregate as a Citus cluster does, make
 * allocations fail, and measure memory.  See README.md.
 */
#include "postgres.h"

#include <dlfcn.h>
#include <malloc.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "nodes/memnodes.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

PG_MODULE_MAGIC;

/* ---------------------------------------------------------------------
 * The aggregates of a Citus cluster: worker_partial and coord_combine
 * ---------------------------------------------------------------------
 */

/* Transition state of the wrapping aggregates: a state of the wrapped one. */
typedef struct Box
{
	Oid			transfn;
	Oid			combinefn;
	Oid			finalfn;
	bool		finalextra;
	Oid			transtype;
	int16		typlen;
	bool		typbyval;
	Datum		value;
	bool		isnull;
} Box;

static MemoryContext
aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "called outside of an aggregate");
	return context;
}

static Box *
get_box(FunctionCallInfo fcinfo)
{
	Box		   *box;
	HeapTuple	tuple;
	Form_pg_aggregate form;
	bool		no_initval;

	if (!PG_ARGISNULL(0))
		return (Box *) PG_GETARG_POINTER(0);

	box = MemoryContextAllocZero(aggregate_context(fcinfo), sizeof(Box));
	tuple = SearchSysCache1(AGGFNOID, PG_GETARG_DATUM(1));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "function %u is not an aggregate", PG_GETARG_OID(1));
	form = (Form_pg_aggregate) GETSTRUCT(tuple);
	box->transfn = form->aggtransfn;
	box->combinefn = form->aggcombinefn;
	box->finalfn = form->aggfinalfn;
	box->finalextra = form->aggfinalextra;
	box->transtype = form->aggtranstype;
	(void) SysCacheGetAttr(AGGFNOID, tuple, Anum_pg_aggregate_agginitval, &no_initval);
	ReleaseSysCache(tuple);

	if (!no_initval)
		elog(ERROR, "aggregates with an initial value are not covered");
	if (!OidIsValid(box->combinefn))
		elog(ERROR, "aggregate has no combine function");
	if (get_typtype(box->transtype) == TYPTYPE_PSEUDO)
		elog(ERROR, "transition type is a pseudo-type");
	get_typlenbyval(box->transtype, &box->typlen, &box->typbyval);
	box->isnull = true;
	return box;
}

/*
 * Calls a support function of the wrapped aggregate.  The FmgrInfo is a new one
 * for every call: nothing can be kept in fn_extra, and there is no fn_expr.
 */
static Datum
call_support(FunctionCallInfo fcinfo, Oid function, int nargs, NullableDatum *args, bool *isnull)
{
	LOCAL_FCINFO(inner, FUNC_MAX_ARGS);
	FmgrInfo	flinfo;
	Datum		result;
	int			i;

	fmgr_info(function, &flinfo);
	if (flinfo.fn_strict)
		elog(ERROR, "strict support functions are not covered");
	InitFunctionCallInfoData(*inner, &flinfo, nargs, InvalidOid, fcinfo->context, NULL);
	for (i = 0; i < nargs; i++)
		inner->args[i] = args[i];
	result = FunctionCallInvoke(inner);
	*isnull = inner->isnull;
	if (flinfo.fn_extra != NULL)
		elog(ERROR, "function %u keeps something in fn_extra", function);
	return result;
}

/* Keeps the result of a transition or combine function as the new state. */
static void
advance(FunctionCallInfo fcinfo, Box *box, Oid function, int nargs, NullableDatum *args)
{
	bool		isnull;
	Datum		value;

	args[0].value = box->value;
	args[0].isnull = box->isnull;
	value = call_support(fcinfo, function, nargs, args, &isnull);

	if (!box->typbyval && DatumGetPointer(value) != DatumGetPointer(box->value))
	{
		if (!isnull)
		{
			MemoryContext old = MemoryContextSwitchTo(aggregate_context(fcinfo));

			value = datumCopy(value, box->typbyval, box->typlen);
			MemoryContextSwitchTo(old);
		}
		if (!box->isnull)
			pfree(DatumGetPointer(box->value));
	}
	box->value = value;
	box->isnull = isnull;
}

/* worker_partial_step(box, aggregate, argument or row of arguments) */
PG_FUNCTION_INFO_V1(worker_partial_step);
Datum
worker_partial_step(PG_FUNCTION_ARGS)
{
	Box		   *box = get_box(fcinfo);
	NullableDatum args[FUNC_MAX_ARGS];
	int			nargs = 2;

	if (get_fn_expr_argtype(fcinfo->flinfo, 2) == RECORDOID)
	{
		HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(2);
		TupleDesc	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row),
												  HeapTupleHeaderGetTypMod(row));
		HeapTupleData tuple = {0};
		Datum		values[FUNC_MAX_ARGS];
		bool		nulls[FUNC_MAX_ARGS];
		int			i;

		tuple.t_len = HeapTupleHeaderGetDatumLength(row);
		tuple.t_data = row;
		heap_deform_tuple(&tuple, desc, values, nulls);
		nargs = desc->natts + 1;
		for (i = 1; i < nargs; i++)
		{
			args[i].value = values[i - 1];
			args[i].isnull = nulls[i - 1];
		}
		ReleaseTupleDesc(desc);
	}
	else
	{
		args[1].value = PG_ARGISNULL(2) ? (Datum) 0 : PG_GETARG_DATUM(2);
		args[1].isnull = PG_ARGISNULL(2);
	}
	advance(fcinfo, box, box->transfn, nargs, args);
	PG_RETURN_POINTER(box);
}

/* The state as text, as workers send it to the coordinator. */
PG_FUNCTION_INFO_V1(worker_partial_text);
Datum
worker_partial_text(PG_FUNCTION_ARGS)
{
	Box		   *box = PG_ARGISNULL(0) ? NULL : (Box *) PG_GETARG_POINTER(0);
	Oid			output;
	bool		isvarlena;

	if (box == NULL || box->isnull)
		PG_RETURN_NULL();
	getTypeOutputInfo(box->transtype, &output, &isvarlena);
	PG_RETURN_TEXT_P(cstring_to_text(OidOutputFunctionCall(output, box->value)));
}

/* The state as the bytes of the binary protocol. */
PG_FUNCTION_INFO_V1(worker_partial_binary);
Datum
worker_partial_binary(PG_FUNCTION_ARGS)
{
	Box		   *box = PG_ARGISNULL(0) ? NULL : (Box *) PG_GETARG_POINTER(0);
	Oid			send;
	bool		isvarlena;

	if (box == NULL || box->isnull)
		PG_RETURN_NULL();
	getTypeBinaryOutputInfo(box->transtype, &send, &isvarlena);
	PG_RETURN_BYTEA_P(OidSendFunctionCall(send, box->value));
}

static Datum
coord_combine(FunctionCallInfo fcinfo, bool binary)
{
	Box		   *box = get_box(fcinfo);
	NullableDatum args[2] = {{0, true}, {0, true}};
	Oid			function;
	Oid			ioparam;
	bool		isnull;

	/* Shards without rows meet each other first. */
	if (box->isnull)
	{
		(void) call_support(fcinfo, box->combinefn, 2, args, &isnull);
		if (!isnull)
			elog(ERROR, "combining NULL with NULL is not NULL");
	}

	if (!PG_ARGISNULL(2) && binary)
	{
		bytea	   *bytes = PG_GETARG_BYTEA_PP(2);
		StringInfoData message;

		initStringInfo(&message);
		appendBinaryStringInfo(&message, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
		getTypeBinaryInputInfo(box->transtype, &function, &ioparam);
		args[1].value = OidReceiveFunctionCall(function, &message, ioparam, -1);
		args[1].isnull = false;

		/*
		 * The value must not depend on the message any more, and the message
		 * must have been read to its end.
		 */
		if (message.cursor != message.len)
			elog(ERROR, "receive function left %d bytes", message.len - message.cursor);
		memset(message.data, 0x7f, message.len);
		pfree(message.data);
	}
	else if (!PG_ARGISNULL(2))
	{
		getTypeInputInfo(box->transtype, &function, &ioparam);
		args[1].value = OidInputFunctionCall(function, text_to_cstring(PG_GETARG_TEXT_PP(2)), ioparam, -1);
		args[1].isnull = false;
	}
	advance(fcinfo, box, box->combinefn, 2, args);

	args[1].value = (Datum) 0;
	args[1].isnull = true;
	advance(fcinfo, box, box->combinefn, 2, args);
	PG_RETURN_POINTER(box);
}

/* coord_combine_text_step(box, aggregate, text) */
PG_FUNCTION_INFO_V1(coord_combine_text_step);
Datum
coord_combine_text_step(PG_FUNCTION_ARGS)
{
	return coord_combine(fcinfo, false);
}

/* coord_combine_binary_step(box, aggregate, bytea) */
PG_FUNCTION_INFO_V1(coord_combine_binary_step);
Datum
coord_combine_binary_step(PG_FUNCTION_ARGS)
{
	return coord_combine(fcinfo, true);
}

static char *
final_text(FunctionCallInfo fcinfo, Box *box, int nargs)
{
	NullableDatum args[4] = {{0, true}, {0, true}, {0, true}, {0, true}};
	Oid			output;
	bool		isvarlena;
	bool		isnull;
	Datum		value;

	args[0].value = box->value;
	args[0].isnull = box->isnull;
	value = call_support(fcinfo, box->finalfn, nargs, args, &isnull);
	if (isnull)
		return NULL;
	getTypeOutputInfo(get_func_rettype(box->finalfn), &output, &isvarlena);
	return OidOutputFunctionCall(output, value);
}

/*
 * The answer as text.  The final function gets the state alone, or with
 * FINALFUNC_EXTRA three NULLs too; it must work with them in any case, and
 * twice, as in a window.
 */
PG_FUNCTION_INFO_V1(coord_combine_final);
Datum
coord_combine_final(PG_FUNCTION_ARGS)
{
	Box		   *box = PG_ARGISNULL(0) ? NULL : (Box *) PG_GETARG_POINTER(0);
	char	   *answer;
	char	   *again;

	if (box == NULL)
		PG_RETURN_NULL();
	if (!OidIsValid(box->finalfn))
		elog(ERROR, "aggregates without a final function are not covered");
	answer = final_text(fcinfo, box, box->finalextra ? 4 : 1);
	again = final_text(fcinfo, box, 4);
	if ((answer == NULL) != (again == NULL) || (answer != NULL && strcmp(answer, again) != 0))
		elog(ERROR, "final function gives another answer the second time");
	if (answer == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(answer));
}

/* ---------------------------------------------------------------------
 * Memory in use
 * ---------------------------------------------------------------------
 */

static int64
heap_in_use(void)
{
	/* AddressSanitizer's allocator does not tell mallinfo2(). */
	size_t		(*sanitizer) (void) = (size_t (*) (void)) dlsym(RTLD_DEFAULT, "__sanitizer_get_current_allocated_bytes");
	struct mallinfo2 info;

	if (sanitizer != NULL)
		return (int64) sanitizer();
	info = mallinfo2();
	return (int64) (info.uordblks + info.hblkhd);
}

/* Bytes of all memory contexts of this backend. */
PG_FUNCTION_INFO_V1(context_bytes);
Datum
context_bytes(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64((int64) MemoryContextMemAllocated(TopMemoryContext, true));
}

/* Bytes that malloc has given out: memory contexts, and C++ objects. */
PG_FUNCTION_INFO_V1(heap_bytes);
Datum
heap_bytes(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(heap_in_use());
}

/* ---------------------------------------------------------------------
 * Failing allocations
 * ---------------------------------------------------------------------
 */

/* Counts down the allocations of memory contexts; at 0 one fails.  -1: unarmed */
static int64 palloc_countdown = -1;
static bool palloc_fired = false;

static const MemoryContextMethods *real_methods;
static MemoryContextMethods failing_methods;

static bool
palloc_fails_now(void)
{
	if (palloc_countdown < 0 || palloc_countdown-- > 0)
		return false;
	palloc_fired = true;
	return true;
}

#if PG_VERSION_NUM >= 170000
static void *
failing_alloc(MemoryContext context, Size size, int flags)
{
	if (palloc_fails_now())
	{
		if (flags & MCXT_ALLOC_NO_OOM)
			return NULL;
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	}
	return real_methods->alloc(context, size, flags);
}
#else
static void *
failing_alloc(MemoryContext context, Size size)
{
	return palloc_fails_now() ? NULL : real_methods->alloc(context, size);
}
#endif

#if PG_VERSION_NUM < 160000
/* From 16 on the chunk, not the context, leads to this method. */
static void *
failing_realloc(MemoryContext context, void *pointer, Size size)
{
	return palloc_fails_now() ? NULL : real_methods->realloc(context, pointer, size);
}
#endif

/* Lets allocations in a context and in those below it fail when armed. */
static void
make_failing(MemoryContext context)
{
	MemoryContext child;

	if (IsA(context, AllocSetContext) && context->methods != &failing_methods)
	{
		if (real_methods == NULL)
		{
			real_methods = context->methods;
			failing_methods = *real_methods;
			failing_methods.alloc = failing_alloc;
#if PG_VERSION_NUM < 160000
			failing_methods.realloc = failing_realloc;
#endif
		}
		context->methods = &failing_methods;
	}
	for (child = context->firstchild; child != NULL; child = child->nextchild)
		make_failing(child);
}

/* The functions of failmalloc.cpp, if it is preloaded. */
static void (*malloc_arm) (long);
static bool (*malloc_fired) (void);

static void
arm(bool use_malloc, int64 n)
{
	if (use_malloc)
		malloc_arm((long) n);
	else
	{
		palloc_fired = false;
		palloc_countdown = n;
	}
}

static void
disarm(bool use_malloc)
{
	if (use_malloc)
		malloc_arm(-1);
	palloc_countdown = -1;
}

/* Receiver that keeps the rows as text. */
typedef struct TextReceiver
{
	DestReceiver pub;
	StringInfo	out;
} TextReceiver;

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	TextReceiver *receiver = (TextReceiver *) self;
	int			i;

	slot_getallattrs(slot);
	for (i = 0; i < slot->tts_tupleDescriptor->natts; i++)
	{
		Oid			output;
		bool		isvarlena;

		if (slot->tts_isnull[i])
		{
			appendStringInfoString(receiver->out, "NULL;");
			continue;
		}
		getTypeOutputInfo(TupleDescAttr(slot->tts_tupleDescriptor, i)->atttypid, &output, &isvarlena);
		appendStringInfo(receiver->out, "%s;", OidOutputFunctionCall(output, slot->tts_values[i]));
	}
	return true;
}

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc typeinfo)
{
}

static void
receiver_end(DestReceiver *self)
{
}

/*
 * Runs a planned query in a subtransaction; with n >= 0 the allocation after n
 * others of ExecutorRun fails.  Returns its rows as text, or NULL when it ended
 * with an error, whose SQLSTATE is checked.
 */
static char *
run_query(PlannedStmt *plan, const char *sql, bool use_malloc, int64 n)
{
	MemoryContext outer_context = CurrentMemoryContext;
	ResourceOwner outer_owner = CurrentResourceOwner;
	MemoryContext context;
	StringInfoData out;
	char	   *volatile answer = NULL;

	initStringInfo(&out);
	context = AllocSetContextCreate(outer_context, "query with a failing allocation", ALLOCSET_DEFAULT_SIZES);
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		TextReceiver receiver = {{receive_row, receiver_startup, receiver_end, receiver_end, DestNone}, &out};
		QueryDesc  *query;

		PushActiveSnapshot(GetTransactionSnapshot());
		query = CreateQueryDesc(plan, sql, GetActiveSnapshot(), InvalidSnapshot, &receiver.pub, NULL, NULL, 0);
		ExecutorStart(query, 0);
		if (n >= 0)
		{
			if (!use_malloc)
				make_failing(query->estate->es_query_cxt);
			arm(use_malloc, n);
		}
#if PG_VERSION_NUM >= 180000
		ExecutorRun(query, ForwardScanDirection, 0);
#else
		ExecutorRun(query, ForwardScanDirection, 0, true);
#endif
		disarm(use_malloc);
		ExecutorFinish(query);
		ExecutorEnd(query);
		FreeQueryDesc(query);
		PopActiveSnapshot();
		ReleaseCurrentSubTransaction();
		answer = out.data;
	}
	PG_CATCH();
	{
		int			sqlstate = geterrcode();
		ErrorData  *error;

		disarm(use_malloc);
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		if (sqlstate != ERRCODE_OUT_OF_MEMORY)
			elog(ERROR, "allocation " INT64_FORMAT " failed with SQLSTATE %s: %s",
				 n, unpack_sql_state(sqlstate), error->message);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(outer_context);
	CurrentResourceOwner = outer_owner;
	MemoryContextDelete(context);
	if (answer == NULL)
		pfree(out.data);
	return answer;
}

/*
 * fail_each(what, query, stride) -> integer
 *
 * Runs a query again and again, each time with another allocation of its
 * execution failing ('palloc': of memory contexts; 'malloc': of malloc, realloc
 * and operator new), until there are no more.  After each failure the query must
 * give the right answer.  In the end no memory may have been lost.  Returns how
 * many failures there were; anything wrong is an error.
 */
PG_FUNCTION_INFO_V1(fail_each);
Datum
fail_each(PG_FUNCTION_ARGS)
{
	char	   *what = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *sql = text_to_cstring(PG_GETARG_TEXT_PP(1));
	int			stride = PG_GETARG_INT32(2);
	bool		use_malloc = strcmp(what, "malloc") == 0;
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext work;
	SPIPlanPtr	spi_plan;
	CachedPlan *cached;
	PlannedStmt *plan;
	char	   *expected;
	int64		heap_before = 0;
	int64		contexts_before = 0;
	int			failures = 0;
	int64		n;

	malloc_arm = (void (*) (long)) dlsym(RTLD_DEFAULT, "topk_failmalloc_arm");
	malloc_fired = (bool (*) (void)) dlsym(RTLD_DEFAULT, "topk_failmalloc_fired");
	if (use_malloc && (malloc_arm == NULL || malloc_fired == NULL))
		elog(ERROR, "failmalloc is not preloaded");

	SPI_connect();
	spi_plan = SPI_prepare(sql, 0, NULL);
	if (spi_plan == NULL)
		elog(ERROR, "could not prepare: %s", sql);
	cached = SPI_plan_get_cached_plan(spi_plan);
	if (cached == NULL)
		elog(ERROR, "not a single statement: %s", sql);
	plan = linitial_node(PlannedStmt, cached->stmt_list);
	if (plan->commandType != CMD_SELECT)
		elog(ERROR, "not a SELECT: %s", sql);
	work = AllocSetContextCreate(CurrentMemoryContext, "fail_each", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(work);
	expected = run_query(plan, sql, use_malloc, -1);
	if (expected == NULL)
		elog(ERROR, "out of memory without a failing allocation");

	for (n = 0;; n += stride)
	{
		char	   *answer = run_query(plan, sql, use_malloc, n);
		bool		fired = use_malloc ? malloc_fired() : palloc_fired;

		CHECK_FOR_INTERRUPTS();
		if (answer == NULL)
		{
			if (!fired)
				elog(ERROR, "out of memory without a failing allocation");
			failures++;
			answer = run_query(plan, sql, use_malloc, -1);
			fired = true;
		}
		if (answer == NULL || strcmp(answer, expected) != 0)
			elog(ERROR, "wrong answer after allocation " INT64_FORMAT " failed", n);
		pfree(answer);
		if (!fired)
			break;

		/* PostgreSQL and the libraries keep some memory at their first errors, which does not count. */
		if (failures == 3)
		{
			heap_before = heap_in_use();
			contexts_before = MemoryContextMemAllocated(TopMemoryContext, true);
		}
	}
	if (failures > 3)
	{
		int64		contexts = (int64) MemoryContextMemAllocated(TopMemoryContext, true) - contexts_before;
		int64		heap = heap_in_use() - heap_before;

		/* Slack for a block that a cache has grown by. */
		if (contexts > 8192 || heap > 16384)
			elog(ERROR, INT64_FORMAT " bytes of contexts and " INT64_FORMAT " bytes of heap lost in %d failures",
				 contexts, heap, failures);
	}
	MemoryContextSwitchTo(caller);
	ReleaseCachedPlan(cached, NULL);	/* a plan that is not saved has no owner */
	SPI_finish();
	PG_RETURN_INT32(failures);
}
