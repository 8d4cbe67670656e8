using System.Globalization;
using StackExchange.Redis;

namespace EmbeddedMq;

/// <summary>Remembers processed messages in a Redis that consumers in many processes share.</summary>
/// <remarks>
/// <para>Each message is one key with a time to live: the lease while it is claimed, the retention once it is processed. What happens to a key
/// happens in one script, so a claim is atomic. Times are the server's, so the clocks of the consumers' machines do not matter.</para>
/// <para>A mark is as durable as the server makes it; see the package's description.</para>
/// <para>Thread-safe.</para>
/// </remarks>
public sealed class RedisIdempotenceStore : IIdempotenceStore, IAsyncDisposable
{
    private readonly Lazy<Task<IConnectionMultiplexer>> _connection;
    private readonly bool _ownsConnection;
    private readonly string _prefix;
    private readonly int _database;
    private readonly bool _allowEviction;
    private volatile bool _isChecked;

    /// <summary>Makes a store on a connection of the application's.</summary>
    /// <param name="connection">The connection; stays the caller's.</param>
    /// <param name="options">Settings; <see langword="null"/> means the defaults.</param>
    public RedisIdempotenceStore(IConnectionMultiplexer connection, RedisIdempotenceOptions? options)
        : this(new Lazy<Task<IConnectionMultiplexer>>(Task.FromResult(connection)), ownsConnection: false, options)
        => ArgumentNullException.ThrowIfNull(connection);

    /// <summary>Makes a store that connects by itself, when it is first used.</summary>
    /// <param name="configuration">Where to, as StackExchange.Redis reads it: <c>host:port,password=…</c>.</param>
    /// <param name="options">Settings; <see langword="null"/> means the defaults.</param>
    /// <exception cref="ArgumentException">The configuration cannot be read.</exception>
    public RedisIdempotenceStore(string configuration, RedisIdempotenceOptions? options)
        : this(Connecting(configuration), ownsConnection: true, options)
    {
    }

    private RedisIdempotenceStore(Lazy<Task<IConnectionMultiplexer>> connection, bool ownsConnection, RedisIdempotenceOptions? options)
    {
        options ??= new RedisIdempotenceOptions();
        ArgumentNullException.ThrowIfNull(options.KeyPrefix);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Retention, TimeSpan.FromMilliseconds(1));
        _connection = connection;
        _ownsConnection = ownsConnection;
        _prefix = options.KeyPrefix;
        _database = options.Database;
        _allowEviction = options.AllowEviction;
        Retention = options.Retention;
    }

    /// <summary>How long a processed message is remembered.</summary>
    public TimeSpan Retention { get; }

    /// <inheritdoc/>
    /// <exception cref="RedisException">The server cannot be reached, or failed.</exception>
    /// <exception cref="TimeoutException">The server does not answer in time.</exception>
    /// <exception cref="InvalidOperationException">The server drops keys when its memory is full.</exception>
    public async ValueTask<IIdempotenceClaim> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentOutOfRangeException.ThrowIfLessThan(request.Lease, TimeSpan.FromMilliseconds(1));
        IDatabase database = await GetDatabaseAsync(cancellationToken).ConfigureAwait(false);
        RedisClaim claim = new(this, request.Key, request.Lease);
        Task<RedisResult> answer = EvaluateAsync(database, RedisScripts.Claim, claim, request.Lease);
        try
        {
            claim.Take(await answer.WaitAsync(cancellationToken).ConfigureAwait(false));
            return claim;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            _ = GiveUpLateAsync(answer, claim);
            throw;
        }
    }

    /// <inheritdoc/>
    /// <exception cref="RedisException">The server cannot be reached, or failed.</exception>
    /// <exception cref="TimeoutException">The server does not answer in time.</exception>
    public async ValueTask<IdempotenceMark?> FindAsync(string scope, string messageId, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(scope);
        ArgumentException.ThrowIfNullOrEmpty(messageId);
        IDatabase database = await GetDatabaseAsync(cancellationToken).ConfigureAwait(false);
        string key = KeyOf(scope, messageId);
        byte[]? value = await database.StringGetAsync(key).WaitAsync(cancellationToken).ConfigureAwait(false);
        return value is null ? null : RedisMark.Read(value, key);
    }

    /// <summary>Closes the connection where the store has made it.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_ownsConnection && _connection.IsValueCreated)
        {
            try
            {
                await (await _connection.Value.ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
            }
            catch (Exception error) when (error is RedisException or TimeoutException)
            {
                // It never connected, and whoever used the store was told.
            }
        }
    }

    /// <summary>Runs a script on a claim's key.</summary>
    /// <param name="script">The script.</param>
    /// <param name="claim">The claim.</param>
    /// <param name="time">The time to live that the key gets.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>Whether the claim still held.</returns>
    internal async ValueTask<bool> RunAsync(string script, RedisClaim claim, TimeSpan time, CancellationToken cancellationToken)
    {
        IDatabase database = await GetDatabaseAsync(cancellationToken).ConfigureAwait(false);
        RedisResult answer = await EvaluateAsync(database, script, claim, time).WaitAsync(cancellationToken).ConfigureAwait(false);
        return (long)answer == 1;
    }

    private static Lazy<Task<IConnectionMultiplexer>> Connecting(string configuration)
    {
        ConfigurationOptions parsed = ConfigurationOptions.Parse(configuration);
        parsed.AbortOnConnectFail = false; // a server that comes later is connected to by itself
        return new Lazy<Task<IConnectionMultiplexer>>(async () => await ConnectionMultiplexer.ConnectAsync(parsed).ConfigureAwait(false));
    }

    private static async Task GiveUpLateAsync(Task<RedisResult> answer, RedisClaim claim)
    {
        try
        {
            claim.Take(await answer.ConfigureAwait(false));
            await claim.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception error) when (error is RedisException or TimeoutException)
        {
            // Nobody waits any more; if it was granted, it ends with its lease.
        }
    }

    private Task<RedisResult> EvaluateAsync(IDatabase database, string script, RedisClaim claim, TimeSpan time)
        => database.ScriptEvaluateAsync(script, [KeyOf(claim.Key.Scope, claim.Key.MessageId)], [claim.Body, Math.Max(1, (long)time.TotalMilliseconds)]);

    // The scope's length keeps the parts apart whatever characters they have.
    private string KeyOf(string scope, string messageId) => string.Create(CultureInfo.InvariantCulture, $"{_prefix}{scope.Length}:{scope}:{messageId}");

    private async ValueTask<IDatabase> GetDatabaseAsync(CancellationToken cancellationToken)
    {
        IConnectionMultiplexer connection = await _connection.Value.WaitAsync(cancellationToken).ConfigureAwait(false);
        IDatabase database = connection.GetDatabase(_database);
        if (!_isChecked && !_allowEviction)
        {
            await CheckEvictionAsync(database).WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        _isChecked = true;
        return database;
    }

    private static async Task CheckEvictionAsync(IDatabase database)
    {
        string memory = (string?)await database.ScriptEvaluateAsync(RedisScripts.Memory).ConfigureAwait(false) ?? "";
        string? policy = Field(memory, "maxmemory_policy");
        if (Field(memory, "maxmemory") is not (null or "0") && policy is not (null or "noeviction"))
        {
            throw new InvalidOperationException(
                $"This Redis drops keys when its memory is full (maxmemory-policy {policy}), and with them the memory of processed messages: duplicates would take effect. "
                + $"Set maxmemory-policy to noeviction, or {nameof(RedisIdempotenceOptions)}.{nameof(RedisIdempotenceOptions.AllowEviction)} to accept that.");
        }
    }

    private static string? Field(string info, string name)
        => info.Split('\n').Select(static line => line.Trim()).FirstOrDefault(line => line.StartsWith(name + ':', StringComparison.Ordinal))?[(name.Length + 1)..];
}
