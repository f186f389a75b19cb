/*
 * effect_sql.c - the queries that ask a database what its names mention.
 *
 * pg_depend knows who calls whom among what users have made: triggers, defaults,
 * checks, policies, views, aggregates, operators, casts.  What stands behind an
 * operator or a cast counts as mentioned always, since the grammar uses both unseen.
 * pg_depend has no rows for built-in objects: those are found in the stored node
 * trees by their oids.  Bodies in SQL and PL/pgSQL are fetched and read by
 * effect_words.c.  All run inside of FACTS_QUERY_BEGIN.
 */
#include "route/facts.h"

#include "facts_private.h"

/*
 * Who looks into which function: '' into what can be read, '?' is unknown.  Functions
 * in C are known when they belong to an extension and do not call themselves volatile,
 * are triggers or handlers, or stand behind an operator; and some by their names.
 */
static const char sql_functions[] =
	"with recursive\n"
	"ext as materialized (select objid o from pg_depend where classid = 'pg_proc'::regclass and\n"
	"   refclassid = 'pg_extension'::regclass and deptype = 'e'),\n"
	"opf as materialized (select oprcode::oid o from pg_operator where oid >= 16384),\n"
	"fn(f, t) as (select p.proname::text, case\n"
	"   when l.lanname in ('sql', 'plpgsql') or p.prokind = 'a' then ''\n"
	"   when l.lanname = 'internal' and (p.provolatile <> 'v' or p.oid in (select o from ext)) then ''\n"
	"   when l.lanname = 'c' and p.proname <> 'isn_weak' and p.oid in (select o from ext) and (p.provolatile <> 'v' or p.oid in (select o from opf)\n"
	"      or p.prorettype in (2279, 3838, 2280, 3115, 325, 269, 3310)\n"
	"      or p.proname ~ '^(uuid_generate_|gen_random_|gen_salt|pgp_|normal_rand|pg_stat_statements|pgstattuple|pg_buffercache|system_)')\n"
	"      then ''\n"
	"   else '?' end\n"
	"   from pg_proc p join pg_language l on l.oid = p.prolang where p.oid >= 16384),\n";

/* Types that may carry a check: domains, and what is made of them. */
static const char sql_edges[] =
	"typ as materialized (select t.oid from pg_type t left join pg_class k on k.oid = t.typrelid\n"
	"   where t.oid >= 16384 and (t.typtype in ('d','r','m') or k.relkind = 'c'\n"
	"      or (t.typlen = -1 and t.typelem in (select oid from pg_type where typtype in ('d','r','m'))))),\n"
	"d(c, o, rc, ro) as materialized (\n"
	"  select classid, objid, refclassid, refobjid from pg_depend where refclassid = 'pg_proc'::regclass and refobjid >= 16384\n"
	"  union select classid, objid, refclassid, refobjid from pg_depend where refclassid = 'pg_class'::regclass and\n"
	"     refobjid >= 16384 and classid in ('pg_proc'::regclass, 'pg_policy'::regclass) and deptype = 'n'\n"
	"  union select classid, objid, refclassid, refobjid from pg_depend where refclassid = 'pg_type'::regclass and\n"
	"     refobjid in (select oid from typ) and\n"
	"     classid in ('pg_class'::regclass, 'pg_type'::regclass, 'pg_proc'::regclass, 'pg_attrdef'::regclass)),\n"
	"m(o) as materialized (select o from d union select ro from d),\n"
	"o(c, o, n) as materialized (\n"
	"  select 'pg_proc'::regclass::oid, oid, proname from pg_proc where oid in (select o from m) and oid >= 16384\n"
	"  union all select 'pg_rewrite'::regclass, r.oid, k.relname from pg_rewrite r join pg_class k on k.oid = r.ev_class\n"
	"     where r.oid in (select o from m) and r.oid >= 16384\n"
	"  union all select 'pg_class'::regclass, k.oid, coalesce(t.relname, k.relname) from pg_class k\n"
	"     left join pg_index i on i.indexrelid = k.oid left join pg_class t on t.oid = i.indrelid\n"
	"     where k.oid in (select o from m) and k.oid >= 16384\n"
	"  union all select 'pg_trigger'::regclass, g.oid, k.relname from pg_trigger g join pg_class k on k.oid = g.tgrelid\n"
	"     where g.oid in (select o from m) and not g.tgisinternal and g.tgenabled <> 'D'\n"
	"  union all select 'pg_attrdef'::regclass, a.oid, k.relname from pg_attrdef a join pg_class k on k.oid = a.adrelid\n"
	"     where a.oid in (select o from m)\n"
	"  union all select 'pg_policy'::regclass, a.oid, k.relname from pg_policy a join pg_class k on k.oid = a.polrelid\n"
	"     where a.oid in (select o from m)\n"
	"  union all select 'pg_constraint'::regclass, a.oid, k.relname from pg_constraint a join pg_class k on k.oid = a.conrelid\n"
	"     where a.oid in (select o from m)\n"
	"  union all select 'pg_constraint'::regclass, a.oid, t.typname from pg_constraint a join pg_type t on t.oid = a.contypid\n"
	"     where a.oid in (select o from m) and a.oid >= 16384\n"
	"  union all select 'pg_type'::regclass, oid, typname from pg_type where oid in (select o from m) and oid >= 16384\n"
	"  union all select 'pg_event_trigger'::regclass, oid, '" FACTS_NAME_DDL "' from pg_event_trigger where evtenabled <> 'D'\n"
	"  union all select 'pg_operator'::regclass, oid, '" FACTS_NAME_ALWAYS "' from pg_operator where oid >= 16384\n"
	"  union all select 'pg_cast'::regclass, oid, '" FACTS_NAME_ALWAYS "' from pg_cast where oid >= 16384\n"
	"  union all select 'pg_amproc'::regclass, a.oid, t.typname from pg_amproc a join pg_type t on t.oid = a.amproclefttype\n"
	"     where a.oid >= 16384),\n"
	"fk(f, t, b) as (select confrelid, conrelid, false from pg_constraint\n"
	"   where contype = 'f' and (confdeltype in ('c','n','d') or confupdtype in ('c','n','d'))\n"
	"   union all select inhparent, inhrelid, true from pg_inherits),\n";

/* The built-ins that touch a session, and those views; b.n is as effect_graph_mention() wants it, o the oid as text. */
static const char sql_builtins_head[] =
	"b(o, n) as materialized (select oid::text, 'pg_catalog.' || name from (\n"
	"   select oid, proname from pg_proc where pronamespace = 'pg_catalog'::regnamespace\n"
	"   union all select oid, relname from pg_class where relnamespace = 'pg_catalog'::regnamespace) x(oid, name)\n"
	"   where name = any('{";

/* Trees of expressions, which name functions alone, and of policies; those of rules are facts_query_calls(). */
static const char sql_builtins_tail[] = "}'))";

static const char sql_trees[] =
	",\n"
	"tree(f, n, x) as (\n"
	"  select k.relname, a.adbin::text, false from pg_attrdef a join pg_class k on k.oid = a.adrelid\n"
	"  union all select k.relname, a.polqual::text, true from pg_policy a join pg_class k on k.oid = a.polrelid\n"
	"  union all select k.relname, a.polwithcheck::text, true from pg_policy a join pg_class k on k.oid = a.polrelid\n"
	"  union all select k.relname, g.tgqual::text, true from pg_trigger g join pg_class k on k.oid = g.tgrelid\n"
	"     where g.tgqual is not null\n"
	"  union all select coalesce(k.relname, t.typname), c.conbin::text, true from pg_constraint c\n"
	"     left join pg_class k on k.oid = c.conrelid left join pg_type t on t.oid = c.contypid where c.conbin is not null\n"
	"  union all select typname, typdefaultbin::text, false from pg_type where typdefaultbin is not null\n"
	"  union all select proname, proargdefaults::text, true from pg_proc where proargdefaults is not null and oid >= 16384\n";

static const char sql_mentions_tail[] =
	")\n"
	"select f, t from fn\n"
	"union select f.n, t.n from d join o f on f.c = d.c and f.o = d.o join o t on t.c = d.rc and t.o = d.ro where f.n <> t.n\n"
	"union select f.relname, t.relname from (select distinct objid, refobjid from pg_depend where classid = 'pg_rewrite'::regclass\n"
	"      and refclassid = 'pg_class'::regclass and refobjid >= 16384 and deptype = 'n') d\n"
	"   join pg_rewrite r on r.oid = d.objid join pg_class f on f.oid = r.ev_class join pg_class t on t.oid = d.refobjid\n"
	"   where r.oid >= 16384 and f.oid <> t.oid\n"
	"union select f.relname, t.relname from fk join pg_class f on f.oid = fk.f join pg_class t on t.oid = fk.t\n"
	"   where t.relkind not in ('i','I')\n"
	"union select t.relname, f.relname from fk join pg_class f on f.oid = fk.f join pg_class t on t.oid = fk.t\n"
	"   where t.relkind not in ('i','I') and fk.b\n"
	/* a default that draws from a sequence is no news: whatever adds rows may draw */
	"union select tree.f, b.n from tree\n"
	"   cross join lateral unnest(string_to_array(tree.n, 'funcid ')) p(p) join b on b.o = split_part(left(p.p, 11), ' ', 1)\n"
	"   where tree.x or b.n <> 'pg_catalog.nextval'\n"
	"union select '" FACTS_NAME_ALWAYS "', b.n from pg_operator o join b on b.o = o.oprcode::oid::text where o.oid >= 16384\n"
	"union select '" FACTS_NAME_ALWAYS "', b.n from pg_cast c join b on b.o = c.castfunc::text where c.oid >= 16384\n"
	"union select p.proname, b.n from pg_aggregate a join pg_proc p on p.oid = a.aggfnoid and p.oid >= 16384 cross join lateral\n"
	"   unnest(array[aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn, aggmtransfn, aggminvtransfn, aggmfinalfn]::oid[]) f\n"
	"   join b on b.o = f::text\n"
	"union select p.proname, b.n from pg_proc p join pg_proc q on q.prosrc = p.prosrc join b on b.o = q.oid::text\n"
	"   where p.oid >= 16384 and p.prolang = 12\n"
	"union select tree.f, b.n from tree\n"
	"   cross join lateral unnest(string_to_array(tree.n, 'fnoid ') || string_to_array(tree.n, ':relid ')) p(p)\n"
	"   join b on b.o = split_part(left(p.p, 11), ' ', 1) where tree.x";

static const char sql_names[] =
#define NAME_WORD(word, effects) "," #word
#define BODY_WORD(word, effects)
#define START_WORD(word, effects)
#include "tables/effect_words.h"
#undef NAME_WORD
#undef BODY_WORD
#undef START_WORD
	;

void
facts_append_builtins(struct bytes *out)
{
	bytes_chars(out, sql_builtins_head);
	bytes_chars(out, sql_names + 1);
	bytes_chars(out, sql_builtins_tail);
}

void
facts_query_mentions(unsigned server_version_num, struct bytes *out)
{
	bytes_chars(out, sql_functions);
	bytes_chars(out, sql_edges);
	facts_append_builtins(out);
	bytes_chars(out, sql_trees);
	if (server_version_num >= 140000)
		bytes_chars(out, "  union all select proname, prosqlbody::text, true from pg_proc where prosqlbody is not null and oid >= 16384\n");
	bytes_chars(out, sql_mentions_tail);
}

void
facts_query_sources(unsigned server_version_num, struct bytes *out)
{
	bytes_chars(out,
	    "select p.proname, p.prosrc, p.oid, n.nspname, p.provolatile from pg_proc p join pg_language l on l.oid = p.prolang"
	    " join pg_namespace n on n.oid = p.pronamespace where p.oid >= 16384 and l.lanname in ('sql', 'plpgsql')");
	if (server_version_num >= 140000)
		bytes_chars(out, " and p.prosqlbody is null");
}
