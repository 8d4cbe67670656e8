using System.Data.Common;
using System.Globalization;

namespace EmbeddedMq.Sql.Databases;

/// <summary>What time it is, in milliseconds since 1970: for the database server, unless a clock was given.</summary>
/// <remarks>The server is asked every few minutes; in between this machine's monotonic clock goes on from there, so that neither a round trip for
/// each statement nor a correction of this machine's time comes into it. Thread-safe.</remarks>
internal sealed class SqlClock(SqlDialect dialect, TimeProvider? given)
{
    private static readonly TimeSpan MaxAge = TimeSpan.FromMinutes(5);

    private Reading? _last; // replaced whole

    /// <summary>What delays are measured with.</summary>
    internal TimeProvider Delays { get; } = given ?? TimeProvider.System;

    /// <summary>A moment of the database as a time.</summary>
    internal static DateTimeOffset ToTime(long milliseconds)
        => DateTimeOffset.FromUnixTimeMilliseconds(Math.Clamp(milliseconds, 0, DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()));

    /// <summary>A duration in milliseconds, at most what can be added to any moment.</summary>
    internal static long ToMilliseconds(TimeSpan duration) => Math.Min((long)Math.Ceiling(duration.TotalMilliseconds), long.MaxValue >> 2);

    /// <summary>What time it is.</summary>
    /// <param name="connection">An open connection that is not in use.</param>
    /// <param name="transaction">Its transaction.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    internal async ValueTask<long> NowAsync(DbConnection connection, DbTransaction? transaction, CancellationToken cancellationToken)
    {
        if (given is not null || dialect.SelectNow is not { } select)
        {
            return Delays.GetUtcNow().ToUnixTimeMilliseconds();
        }

        Reading? last = Volatile.Read(ref _last);
        if (last is null || Delays.GetElapsedTime(last.ReadAt) > MaxAge)
        {
            DbCommand command = SqlDatabase.Command(connection, transaction, select);
            await using (command.ConfigureAwait(false))
            {
                object? milliseconds = await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
                last = new Reading(Convert.ToInt64(milliseconds, CultureInfo.InvariantCulture), Delays.GetTimestamp());
                Volatile.Write(ref _last, last);
            }
        }

        return last.Milliseconds + (long)Delays.GetElapsedTime(last.ReadAt).TotalMilliseconds;
    }

    private sealed record Reading(long Milliseconds, long ReadAt);
}
