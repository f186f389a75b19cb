/*
 * footprint_sql.c - the query that asks a database what a write to a relation may change
 * and what a read of it reads.
 *
 * Relations that inherit are one: each counts as the top of its tree.  From there
 * cascading foreign keys lead to what a write changes besides, and views to their
 * tables.  Who has triggers or rules, or defaults and checks that call volatile
 * functions, may change anything; a view or a policy that calls functions of the
 * database reads who knows what.  Internal triggers are those of foreign keys.
 */
#include "route/footprint.h"

static const char query[] =
	"with recursive\n"
	"up(o, p) as (select inhrelid, inhparent from pg_inherits\n"
	"  union select up.o, i.inhparent from up join pg_inherits i on i.inhrelid = up.p),\n"
	"top(o, r) as (select o, p from up where not exists (select from pg_inherits i where i.inhrelid = up.p)),\n"
	"rel(o, r) as (select c.oid, coalesce(top.r, c.oid) from pg_class c left join top on top.o = c.oid\n"
	"  where c.oid >= 16384 and c.relkind in ('r','p','v','m','f')),\n"
	"view(s, d) as (select r.ev_class, rel.r from pg_rewrite r join pg_class c on c.oid = r.ev_class and c.relkind = 'v'\n"
	"  join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass\n"
	"  join rel on rel.o = d.refobjid where r.ev_type = '1' and d.refobjid <> r.ev_class),\n"
	"reads(s, d) as (select s, d from view union select a.r, b.r from top a join top b on b.o = a.o where a.r <> b.r),\n"
	"cascades(s, d) as (select distinct coalesce(a.r, k.confrelid), coalesce(b.r, k.conrelid) from pg_constraint k\n"
	"  left join top a on a.o = k.confrelid left join top b on b.o = k.conrelid\n"
	"  where k.contype = 'f' and (k.confdeltype in ('c','n','d') or k.confupdtype in ('c','n','d'))),\n"
	"writes(s, d) as (select s, d from reads union select s, d from cascades),\n"
	"harmless(o) as (select d.objid from pg_depend d join pg_extension e on d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid\n"
	"  where d.classid = 'pg_proc'::regclass and e.extname in ('pgcrypto','uuid-ossp')),\n"
	"code(o) as (select oid from pg_proc where oid >= 16384 and provolatile = 'v' and oid not in (select o from harmless)),\n"
	"acts(o) as (select tgrelid from pg_trigger where not tgisinternal and tgenabled <> 'D'\n"
	"  union select ev_class from pg_rewrite where ev_type <> '1' and ev_enabled <> 'D'\n"
	"  union select ftrelid from pg_foreign_table\n"
	"  union select a.adrelid from pg_attrdef a join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = a.oid\n"
	"    and d.refclassid = 'pg_proc'::regclass join code on code.o = d.refobjid\n"
	"  union select k.conrelid from pg_constraint k join pg_depend d on d.classid = 'pg_constraint'::regclass and d.objid = k.oid\n"
	"    and d.refclassid = 'pg_proc'::regclass join code on code.o = d.refobjid where k.conrelid <> 0\n"
	"  union select p.polrelid from pg_policy p join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = p.oid\n"
	"    and d.refclassid = 'pg_proc'::regclass join code on code.o = d.refobjid),\n"
	"asks(o) as (select r.ev_class from pg_rewrite r join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid\n"
	"    and d.refclassid = 'pg_proc'::regclass and d.refobjid >= 16384 where r.ev_type = '1'\n"
	"  union select p.polrelid from pg_policy p join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = p.oid\n"
	"    and d.refclassid in ('pg_proc'::regclass, 'pg_class'::regclass) and d.refobjid <> p.polrelid and d.refobjid >= 16384),\n"
	"act(r) as (select rel.r from acts join rel on rel.o = acts.o),\n"
	"ask(r) as (select rel.r from asks join rel on rel.o = asks.o),\n"
	"told(o) as (select s from writes union select d from writes union select r from act union select r from ask\n"
	"  union select r from rel where r <> o)\n"
	"select 'n', n.nspname, c.relname, rel.o || ' ' || rel.r from rel join told on told.o = rel.r join pg_class c on c.oid = rel.o\n"
	"  join pg_namespace n on n.oid = c.relnamespace\n"
	"union all select 'e', s::text, d::text, '' from reads\n"
	"union all select 'x', s::text, d::text, '' from cascades\n"
	"union all select 'a', r::text, '', '' from act\n"
	"union all select 'q', r::text, '', '' from ask\n"
	"union all select 'F', n.nspname, p.proname, '' from pg_proc p join pg_namespace n on n.oid = p.pronamespace\n"
	"  where p.oid >= 16384 and p.provolatile <> 'i' and p.prokind in ('f','w') and p.oid not in (select o from harmless)\n"
	"union all select 'O', n.nspname, o.oprname, '' from pg_operator o join pg_namespace n on n.oid = o.oprnamespace\n"
	"  join pg_proc p on p.oid = o.oprcode where p.oid >= 16384 and p.provolatile <> 'i'";

void
facts_query_footprints(struct bytes *out)
{
	bytes_chars(out, query);
}
