using System.Data.Common;
using System.Globalization;
using EmbeddedMq.Sql.Databases;

namespace EmbeddedMq.Sql.Idempotence;

/// <summary>Deletes marks that are older than they have to be, or of which there are more than there have to be: beside the work, in small batches.</summary>
/// <remarks>Thread-safe.</remarks>
/// <param name="database">The database.</param>
/// <param name="time">How long they are kept; zero: without limit.</param>
/// <param name="count">How many are kept; 0: without limit.</param>
internal sealed class MarkRetention(SqlDatabase database, TimeSpan time, long count)
{
    private const int Batch = 1_000;

    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LockTimeout = TimeSpan.FromSeconds(1);

    private readonly string _marks = database.Tables.Idempotence;
    private long _appliedAt;                  // a timestamp; 0: not yet
    private long _olderThan = long.MinValue;  // while there is more to delete: up to here

    /// <summary>Deletes one batch, where it is time to.</summary>
    internal async ValueTask ApplyAsync(CancellationToken cancellationToken)
    {
        TimeProvider clock = database.Clock.Delays;
        long last = Volatile.Read(ref _appliedAt);
        bool isDue = last == 0 || clock.GetElapsedTime(last) >= Interval;
        long olderThan = Interlocked.Exchange(ref _olderThan, long.MinValue);
        if (time == TimeSpan.Zero && count == 0)
        {
            return;
        }

        if (olderThan == long.MinValue)
        {
            if (!isDue || Interlocked.CompareExchange(ref _appliedAt, clock.GetTimestamp(), last) != last)
            {
                return;
            }

            olderThan = await FindLimitAsync(cancellationToken).ConfigureAwait(false);
        }

        if (olderThan > long.MinValue)
        {
            if (await DeleteAsync(olderThan, cancellationToken).ConfigureAwait(false) == Batch)
            {
                Volatile.Write(ref _olderThan, olderThan); // the next claim goes on
            }
        }
    }

    // MariaDB and MySQL may read a small table from end to end, and then wait for the marks of messages being handled: not for long, and never mind.
    private async ValueTask<int> DeleteAsync(long olderThan, CancellationToken cancellationToken)
    {
        SqlDialect dialect = database.Dialect;
        string delete = dialect.DeleteLowest(_marks, "scope, message_id", string.Create(CultureInfo.InvariantCulture, $"at < {olderThan}"), "at", Batch);
        SqlWork work = await database.BeginAsync(cancellationToken).ConfigureAwait(false);
        await using (work.ConfigureAwait(false))
        {
            try
            {
                int deleted = await work.ExecuteAsync(dialect.LimitLockWait(LockTimeout) + delete + dialect.UnlimitLockWait, cancellationToken).ConfigureAwait(false);
                await work.CommitAsync(cancellationToken).ConfigureAwait(false);
                return deleted;
            }
            catch (DbException error) when (dialect.IsLockConflict(error))
            {
                await work.UnlimitLockWaitAsync(dialect, cancellationToken).ConfigureAwait(false);
                return 0;
            }
        }
    }

    // Marks before this moment may go. Of those with the very time of the oldest that is to stay, none goes.
    private async ValueTask<long> FindLimitAsync(CancellationToken cancellationToken)
    {
        DbConnection connection = await database.OpenAsync(cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            long now = await database.Clock.NowAsync(connection, null, cancellationToken).ConfigureAwait(false);
            long limit = time == TimeSpan.Zero ? long.MinValue : now - SqlClock.ToMilliseconds(time);
            if (count > 0)
            {
                DbCommand command = SqlDatabase.Command(
                    connection, null, string.Create(CultureInfo.InvariantCulture, $"select at from {_marks} order by at desc limit 1 offset {count - 1}"));
                await using (command.ConfigureAwait(false))
                {
                    object? oldestToStay = await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
                    limit = oldestToStay is null or DBNull ? limit : Math.Max(limit, Convert.ToInt64(oldestToStay, CultureInfo.InvariantCulture));
                }
            }

            // Looking locks nothing; deleting nothing may.
            DbCommand oldest = SqlDatabase.Command(connection, null, $"select min(at) from {_marks}");
            await using (oldest.ConfigureAwait(false))
            {
                object? at = await oldest.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
                return at is null or DBNull || Convert.ToInt64(at, CultureInfo.InvariantCulture) >= limit ? long.MinValue : limit;
            }
        }
    }
}
