using System.Diagnostics;
using EmbeddedMq.LoadTests.Measuring;
using Microsoft.Data.Sqlite;

namespace EmbeddedMq.LoadTests.Peers;

/// <summary>A table of SQLite as a queue: WAL and synchronous FULL, so that a commit has been synced when it returns.</summary>
/// <remarks>The fastest form of it that keeps the promise: prepared statements, as many messages in a transaction as there may be outstanding, a
/// consumer that takes and deletes in batches, and one lock instead of SQLite's waiting for its one writer.</remarks>
internal sealed class SqliteQueue : IAsyncDisposable
{
    private const int ConsumerBatch = 256;

    private readonly Lock _gate = new();
    private readonly SqliteConnection _connection;
    private readonly SqliteCommand _insert;
    private readonly SqliteCommand _take;
    private readonly SqliteCommand _delete;

    internal SqliteQueue(string path)
    {
        _connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
        _connection.Open();
        Execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
        Execute("CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, body BLOB NOT NULL);");
        _insert = Prepare("INSERT INTO messages (body) VALUES ($value);", SqliteType.Blob);
        _take = Prepare("SELECT id, body FROM messages ORDER BY id LIMIT $value;", SqliteType.Integer);
        _delete = Prepare("DELETE FROM messages WHERE id <= $value;", SqliteType.Integer);
    }

    /// <summary>S5: publishes for a time, so many in a transaction; nobody consumes. The queue is empty afterwards.</summary>
    internal async Task<Outcome> PublishAsync(int bodyBytes, int window, TimeSpan duration, LatencyHistogram latencies)
    {
        Outcome outcome = await Task.Run(() => Publish(bodyBytes, window, long.MaxValue, duration, latencies));
        Execute("DELETE FROM messages; PRAGMA wal_checkpoint(TRUNCATE);");
        return outcome;
    }

    /// <summary>S6: publishes beside a consumer, until the last has been deleted.</summary>
    internal Task<Outcome> PublishAndConsumeAsync(int bodyBytes, int window, TimeSpan duration, LatencyHistogram latencies)
        => DurableRun.RunAsync(
            received =>
            {
                Disposables disposables = new();
                disposables.Add(new PollingConsumer(() => Task.FromResult(Take()), received));
                return Task.FromResult(disposables);
            },
            () => Task.Run(() => Publish(bodyBytes, window, long.MaxValue, duration, latencies)));

    /// <summary>S7: fills the queue.</summary>
    internal Task<Outcome> FillAsync(int bodyBytes, int count)
        => Task.Run(() => Publish(bodyBytes, 1_024, count, TimeSpan.MaxValue, new LatencyHistogram()));

    /// <summary>S7: takes so many messages.</summary>
    internal Task<Outcome> DrainAsync(int count) => Task.Run(() =>
    {
        long start = Stopwatch.GetTimestamp();
        for (int left = count; left > 0;)
        {
            left -= Take();
        }

        return new Outcome(count, Stopwatch.GetElapsedTime(start));
    });

    public async ValueTask DisposeAsync()
    {
        await _insert.DisposeAsync();
        await _take.DisposeAsync();
        await _delete.DisposeAsync();
        await _connection.DisposeAsync();
    }

    private Outcome Publish(int bodyBytes, int window, long count, TimeSpan duration, LatencyHistogram latencies)
    {
        byte[] body = new byte[bodyBytes];
        new Random(1).NextBytes(body);
        long published = 0;
        long start = Stopwatch.GetTimestamp();
        long last = start;
        while (published < count && Stopwatch.GetElapsedTime(start, last) < duration)
        {
            lock (_gate)
            {
                using SqliteTransaction transaction = _connection.BeginTransaction();
                _insert.Transaction = transaction;
                _insert.Parameters[0].Value = body;
                for (int i = 0; i < window; i++)
                {
                    _insert.ExecuteNonQuery();
                }

                transaction.Commit();
            }

            published += window;
            long now = Stopwatch.GetTimestamp();
            latencies.Record(now - last);
            last = now;
        }

        return new Outcome(published, Stopwatch.GetElapsedTime(start));
    }

    // What a consumer does with a message is nothing: it is read, and deleted with the others of its batch.
    private int Take()
    {
        lock (_gate)
        {
            using SqliteTransaction transaction = _connection.BeginTransaction();
            _take.Transaction = transaction;
            _take.Parameters[0].Value = ConsumerBatch;
            int taken = 0;
            long last = 0;
            using (SqliteDataReader reader = _take.ExecuteReader())
            {
                while (reader.Read())
                {
                    last = reader.GetInt64(0);
                    GC.KeepAlive(reader.GetFieldValue<byte[]>(1));
                    taken++;
                }
            }

            if (taken > 0)
            {
                _delete.Transaction = transaction;
                _delete.Parameters[0].Value = last;
                _delete.ExecuteNonQuery();
            }

            transaction.Commit();
            return taken;
        }
    }

    private SqliteCommand Prepare(string text, SqliteType type)
    {
        SqliteCommand command = _connection.CreateCommand();
        command.CommandText = text;
        command.Parameters.Add("$value", type);
        command.Prepare();
        return command;
    }

    private void Execute(string text)
    {
        using SqliteCommand command = _connection.CreateCommand();
        command.CommandText = text;
        command.ExecuteNonQuery();
    }
}
