namespace EmbeddedMq.Handlers;

/// <summary>The services of an application that has none. Thread-safe.</summary>
internal sealed class NoServices : IServiceProvider
{
    private NoServices()
    {
    }

    /// <summary>The only one.</summary>
    public static NoServices Instance { get; } = new();

    /// <inheritdoc/>
    public object? GetService(Type serviceType) => null;
}
