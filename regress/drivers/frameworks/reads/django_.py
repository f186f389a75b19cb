"""Where Django's reads go: see ../test_reads.py."""

import os

import django
from django.conf import settings

HOST = {"ENGINE": "django.db.backends.postgresql", "HOST": os.environ["PGHOST"], "PORT": os.environ["PGPORT"],
    "USER": os.environ["PGUSER"], "NAME": os.environ["PGDATABASE"], "CONN_MAX_AGE": None}
settings.configure(
    DATABASES={
        "default": HOST,
        "primary": {**HOST, "OPTIONS": {"options": "-c pgweir.route=primary"}},
        "reports": {**HOST, "OPTIONS": {"options": "-c default_transaction_read_only=on"}},
        "plain": {**HOST, "DISABLE_SERVER_SIDE_CURSORS": True},
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField")
django.setup()

from django.db import connection, models, transaction  # noqa: E402


class Note(models.Model):
    v = models.TextField()

    class Meta:
        app_label = "reads"
        db_table = "notes"


def of(word, using="default"):
    return Note.objects.using(using).filter(v="reads " + word)


of("plain").count()
Note.objects.create(v="reads write")
with transaction.atomic():
    of("atomic").count()
with transaction.atomic(), connection.cursor() as cursor:
    cursor.execute("SET TRANSACTION READ ONLY")
    of("declared").count()
    of("declared").first()
with transaction.atomic(using="reports"):
    of("by default", "reports").count()
list(of("iterator").iterator())
list(of("no cursor", "plain").iterator())
of("alias", "primary").count()
list(Note.objects.raw("select id, v from notes where v = %s /* pgweir: primary */", ["reads hint"]))
