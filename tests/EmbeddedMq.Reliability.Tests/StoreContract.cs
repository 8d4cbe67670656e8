using System.Globalization;
using EmbeddedMq.TestSupport;
using Microsoft.Extensions.Time.Testing;

namespace EmbeddedMq.Reliability.Tests;

/// <summary>What the contract suites of stores have in common: a store for each test, its clock, and opening it again.</summary>
/// <typeparam name="TStore">The store's contract.</typeparam>
public abstract class StoreContract<TStore> : IAsyncLifetime
    where TStore : class
{
    private TStore? _store;

    /// <summary>The clock of stores that take one.</summary>
    protected FakeTimeProvider Time { get; } = new(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));

    /// <summary>The store under test: new and empty.</summary>
    protected TStore Store => _store!;

    /// <summary>Whether what is stored survives <see cref="ReopenAsync"/>. Default no: those tests are skipped.</summary>
    protected virtual bool IsDurable => false;

    /// <summary>How long the tests lease. Stores on a server's clock make it short, because <see cref="AdvanceAsync"/> takes that long.</summary>
    protected virtual TimeSpan Lease => TimeSpan.FromMinutes(1);

    /// <summary>What time it is for the store.</summary>
    protected virtual DateTimeOffset Now => Time.GetUtcNow();

    /// <inheritdoc/>
    public virtual async ValueTask InitializeAsync() => _store = await CreateAsync(Time);

    /// <inheritdoc/>
    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_store is not null)
        {
            await CloseAsync(_store);
        }
    }

    /// <summary>Makes a new and empty store. Called once for each test.</summary>
    /// <param name="time">Its clock, if it takes one.</param>
    protected abstract ValueTask<TStore> CreateAsync(TimeProvider time);

    /// <summary>Opens a second store on the data of the one that <see cref="CreateAsync"/> made, after that was closed. For durable stores.</summary>
    protected virtual ValueTask<TStore> OpenAgainAsync() => throw new NotSupportedException("A durable store says how it is opened again.");

    /// <summary>Lets time pass for the store. Default: moves <see cref="Time"/>.</summary>
    /// <param name="duration">How much.</param>
    protected virtual ValueTask AdvanceAsync(TimeSpan duration)
    {
        Time.Advance(duration);
        return ValueTask.CompletedTask;
    }

    /// <summary>Closes the store and opens another one on the same data.</summary>
    protected async Task ReopenAsync()
    {
        Assert.SkipUnless(IsDurable, "What this store holds ends with it.");
        await CloseAsync(Store);
        _store = null;
        _store = await OpenAgainAsync();
    }

    /// <summary>Whether a moment is the present one, as far as a server's clock and its rounding let it be told.</summary>
    /// <param name="moment">The moment.</param>
    protected void AssertIsNow(DateTimeOffset moment) => Assert.InRange(moment, Now - TimeSpan.FromSeconds(5), Now + TimeSpan.FromSeconds(5));

    /// <summary>Waits for something that ends by itself, and fails by name when it does not.</summary>
    /// <param name="task">What is waited for.</param>
    /// <param name="what">Its name in the failure.</param>
    protected static async Task WithinPatienceAsync(Task task, string what)
    {
        try
        {
            await task.WaitAsync(BrokerFixture.Patience);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"Not done within {BrokerFixture.Patience.TotalSeconds} s of real time: {what}.");
        }
    }

    /// <summary>Texts of every kind that are ids: the longest, of many scripts, and pairs that careless collations take for the same.</summary>
    protected static IReadOnlyList<string> UnusualIds { get; } =
    [
        "x",
        new('a', 255),
        new string('é', 127) + "e",
        new('日', 85),
        string.Concat(Enumerable.Repeat("😀", 63)) + "abc",
        "order",
        "Order",
        "order ",
        " order",
        "ordér",
        "orde\u0301r",
        "order\t",
        "o'rder\"; drop table x; --",
        "{order}:*?[a-z]%_\\",
        "ß",
        "ss",
        "ﬁ",
        "fi",
        "I",
        "ı",
        "İ",
    ];

    /// <summary>A number as part of an id.</summary>
    /// <param name="number">The number.</param>
    protected static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static async ValueTask CloseAsync(TStore store)
    {
        switch (store)
        {
            case IAsyncDisposable disposable:
                await disposable.DisposeAsync();
                break;
            case IDisposable disposable:
                disposable.Dispose();
                break;
            default:
                break;
        }
    }
}
