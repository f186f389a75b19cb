/*
 * effect_sql.c - the queries that ask a database what its names mention.  What a view reads is
 * kept with its rule (facts_query_calls), the rest is asked for each time.
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
 * Functions that nobody can look into.  Those in C are known when they belong to an extension and do not call themselves
 * volatile, are triggers or handlers, or stand behind an operator; and some by their names.
 */
static const char sql_functions[] =
	"with recursive\n"
	"ext as materialized (select objid o from pg_depend where classid = 'pg_proc'::regclass and\n"
	"   refclassid = 'pg_extension'::regclass and deptype = 'e'),\n"
	"opf as materialized (select oprcode::oid o from pg_operator where oid >= 16384),\n"
	"fn(f) as (select p.proname::text from pg_proc p where p.oid >= 16384 and p.prokind <> 'a'\n"
	"   and p.prolang not in (select oid from pg_language where lanname in ('sql', 'plpgsql')) and not (\n"
	"      p.prolang = 12 and (p.provolatile <> 'v' or p.oid in (select o from ext))\n"
	"      or p.prolang = 13 and p.proname <> 'isn_weak' and p.oid in (select o from ext) and (p.provolatile <> 'v' or p.oid in (select o from opf)\n"
	"      or p.prorettype in (2279, 3838, 2280, 3115, 325, 269, 3310)\n"
	"      or p.proname ~ '^(uuid_generate_|gen_random_|gen_salt|pgp_|normal_rand|pg_stat_statements|pgstattuple|pg_buffercache|system_)'))),\n";

/*
 * Types that may carry a check: domains, and what is made of them.  An end of an edge is a name, or the oid of a relation
 * (f, t or fo, to): those are many, and whoever asks knows their names already.
 */
static const char sql_edges[] =
	"made as materialized (select oid from pg_type where typtype in ('d','r','m')),\n"
	"typ as materialized (select oid from made union select reltype from pg_class where relkind = 'c' and oid >= 16384\n"
	"   union select typarray from pg_type where oid in (select oid from made) and typarray <> 0),\n"
	"d(c, o, rc, ro) as materialized (\n"
	"  select classid, objid, refclassid, refobjid from pg_depend where refclassid = 'pg_proc'::regclass and refobjid >= 16384\n"
	"  union select classid, objid, refclassid, refobjid from pg_depend where refclassid = 'pg_class'::regclass and\n"
	"     refobjid >= 16384 and classid in ('pg_proc'::regclass, 'pg_policy'::regclass) and deptype = 'n'\n"
	"  union select classid, objid, refclassid, refobjid from (select oid from typ where oid >= 16384) t join pg_depend on\n"
	"     refclassid = 'pg_type'::regclass and refobjid = t.oid and\n"
	"     classid in ('pg_class'::regclass, 'pg_type'::regclass, 'pg_proc'::regclass, 'pg_attrdef'::regclass)),\n"
	"edge(f, fo, t, \"to\") as (select\n"
	"  case c when 'pg_proc'::regclass then (select proname::text from pg_proc where oid = o)\n"
	"     when 'pg_type'::regclass then (select typname from pg_type where oid = o)\n"
	"     when 'pg_amproc'::regclass then (select t.typname from pg_amproc a join pg_type t on t.oid = a.amproclefttype where a.oid = o)\n"
	"     when 'pg_constraint'::regclass then (select t.typname from pg_constraint a join pg_type t on t.oid = a.contypid where a.oid = o)\n"
	"     when 'pg_event_trigger'::regclass then (select '" FACTS_NAME_DDL "' from pg_event_trigger where oid = o and evtenabled <> 'D')\n"
	"     when 'pg_operator'::regclass then '" FACTS_NAME_ALWAYS "' when 'pg_cast'::regclass then '" FACTS_NAME_ALWAYS "' end,\n"
	"  case c when 'pg_rewrite'::regclass then (select ev_class from pg_rewrite where oid = o)\n"
	"     when 'pg_class'::regclass then coalesce((select indrelid from pg_index where indexrelid = o), o)\n"
	"     when 'pg_trigger'::regclass then (select tgrelid from pg_trigger where oid = o and not tgisinternal and tgenabled <> 'D')\n"
	"     when 'pg_attrdef'::regclass then (select adrelid from pg_attrdef where oid = o)\n"
	"     when 'pg_policy'::regclass then (select polrelid from pg_policy where oid = o)\n"
	"     when 'pg_constraint'::regclass then (select nullif(conrelid, 0) from pg_constraint where oid = o) end,\n"
	"  case rc when 'pg_proc'::regclass then (select proname::text from pg_proc where oid = ro)\n"
	"     when 'pg_type'::regclass then (select typname from pg_type where oid = ro) end,\n"
	"  case rc when 'pg_class'::regclass then coalesce((select indrelid from pg_index where indexrelid = ro), ro) end\n"
	"  from d where o >= 16384),\n"
	/* a partition acts for its table, and its table for it */
	"fk(f, t) as (select confrelid, conrelid from pg_constraint\n"
	"   where contype = 'f' and (confdeltype in ('c','n','d') or confupdtype in ('c','n','d'))\n"
	"   union all select inhparent, inhrelid from pg_inherits union all select inhrelid, inhparent from pg_inherits),\n";

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
	"select f, '?', null::oid, null::oid from fn\n"
	"union all select f, t, fo, \"to\" from edge where (f is not null or fo is not null) and (t is not null or \"to\" is not null)\n"
	"union all select null, null, f, t from fk\n"
	/* a default that draws from a sequence is no news: whatever adds rows may draw */
	"union all select tree.f, b.n, null, null from tree\n"
	"   cross join lateral unnest(string_to_array(tree.n, 'funcid ')) p(p) join b on b.o = split_part(left(p.p, 11), ' ', 1)\n"
	"   where tree.x or b.n <> 'pg_catalog.nextval'\n"
	"union all select '" FACTS_NAME_ALWAYS "', b.n, null, null from pg_operator o join b on b.o = o.oprcode::oid::text where o.oid >= 16384\n"
	"union all select '" FACTS_NAME_ALWAYS "', b.n, null, null from pg_cast c join b on b.o = c.castfunc::text where c.oid >= 16384\n"
	"union all select p.proname, b.n, null, null from pg_aggregate a join pg_proc p on p.oid = a.aggfnoid and p.oid >= 16384 cross join lateral\n"
	"   unnest(array[aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn, aggmtransfn, aggminvtransfn, aggmfinalfn]::oid[]) f\n"
	"   join b on b.o = f::text\n"
	"union all select p.proname, b.n, null, null from pg_proc p join pg_proc q on q.prosrc = p.prosrc join b on b.o = q.oid::text\n"
	"   where p.oid >= 16384 and p.prolang = 12\n"
	"union all select tree.f, b.n, null, null from tree\n"
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
	    "select p.proname, p.prosrc, p.oid, n.nspname, p.provolatile,"
	    " case l.lanname when 'sql' then chr(10) || array_to_string(p.proargnames, chr(10)) || chr(10) end from pg_proc p join pg_language l on l.oid = p.prolang"
	    " join pg_namespace n on n.oid = p.pronamespace where p.oid >= 16384 and l.lanname in ('sql', 'plpgsql')");
	if (server_version_num >= 140000)
		bytes_chars(out, " and p.prosqlbody is null");
}
