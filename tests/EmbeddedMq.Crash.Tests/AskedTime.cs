using Microsoft.Extensions.Time.Testing;

namespace EmbeddedMq.Crash.Tests;

/// <summary>A clock that only the test moves, and that tells when somebody asks for the time of day.</summary>
internal sealed class AskedTime() : FakeTimeProvider(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero))
{
    /// <summary>Called on the thread of whoever asks.</summary>
    public Action Asked { get; set; } = static () => { };

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow()
    {
        Asked?.Invoke(); // not yet there for who asks within the base's constructor
        return base.GetUtcNow();
    }
}
