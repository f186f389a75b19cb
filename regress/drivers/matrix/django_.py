"""The matrix by Django's ORM: a migration's DDL, transactions, server-side cursors.  See README.md."""

import os
import sys
import threading

import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "HOST": os.environ["PGHOST"], "PORT": os.environ["PGPORT"],
        "USER": os.environ["PGUSER"], "NAME": os.environ["PGDATABASE"], "CONN_MAX_AGE": None}},
    USE_TZ=True, TIME_ZONE="Europe/Berlin", DEFAULT_AUTO_FIELD="django.db.models.BigAutoField")
django.setup()

from django.db import DatabaseError, connection, models, transaction  # noqa: E402

SAID = []


class Note(models.Model):
    who = models.IntegerField()
    what = models.TextField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "matrix"


def work(who):
    def say(step, *results):
        SAID.append(f"{who:02} {step}: " + " ".join(str(r) for r in results))

    with transaction.atomic():
        Note.objects.create(who=who, what="kept")
        code = None
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("select 1 / 0")
        except DatabaseError as error:
            code = error.__cause__.pgcode
        Note.objects.bulk_create([Note(who=who, what="kept")] * 3)
    try:
        with transaction.atomic():
            Note.objects.create(who=who, what="gone")
            raise KeyError
    except KeyError:
        pass
    say("transaction", code, Note.objects.filter(who=who).count())
    with transaction.atomic():
        say("locked", Note.objects.select_for_update().filter(who=who).update(what="changed"))
    say("iterator", sum(1 for _ in Note.objects.filter(who=who).iterator(chunk_size=2)))
    created, made = Note.objects.get_or_create(who=who, what="once")
    say("get or create", made, Note.objects.get(pk=created.pk).what)
    with connection.cursor() as cursor:
        cursor.execute(f"set app.tag = 'tag {who}'")
        cursor.execute("create temporary table scratch (v int)")
        cursor.execute("insert into scratch values (%s), (%s)", [who, who])
        cursor.execute("select sum(v) from scratch")
        say("temporary", cursor.fetchone()[0])
        cursor.execute("drop table scratch")
        cursor.execute("select pg_try_advisory_lock(%s)", [4200 + who])
        taken = cursor.fetchone()[0]
        cursor.execute("select pg_advisory_unlock(%s)", [4200 + who])
        say("advisory", taken, cursor.fetchone()[0])
        cursor.execute("select repeat('x', 100) from generate_series(1, 20000)")
        say("large", len(cursor.fetchall()))
        cursor.execute("show app.tag")
        tag = cursor.fetchone()[0]
        cursor.execute("show timezone")
        say("settings", tag, cursor.fetchone()[0])
    connection.close()


with connection.schema_editor() as editor:
    editor.create_model(Note)
def fail(what):
    """What fails in one thread fails the program."""
    sys.__excepthook__(what.exc_type, what.exc_value, what.exc_traceback)
    os._exit(1)


threading.excepthook = fail
threads = [threading.Thread(target=work, args=(who,)) for who in range(int(sys.argv[1]))]
for t in threads:
    t.start()
for t in threads:
    t.join()
with connection.schema_editor() as editor:
    editor.delete_model(Note)
print("\n".join(sorted(SAID)))
