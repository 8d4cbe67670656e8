using Microsoft.Extensions.Logging;

namespace EmbeddedMq.RabbitMq.Connections;

/// <summary>What a connection logs. Ids 3000 to 3099.</summary>
internal static partial class ConnectionLog
{
    /// <summary>The category of these events.</summary>
    internal const string Category = "EmbeddedMq.RabbitMq";

    [LoggerMessage(3000, LogLevel.Warning, "Connection {Connection} was lost: {Cause}. It is being recovered.")]
    internal static partial void Lost(ILogger logger, string connection, string cause);

    [LoggerMessage(3001, LogLevel.Information, "Connection {Connection} was recovered after {Milliseconds:F0} ms with attempt {Attempt}.")]
    internal static partial void Recovered(ILogger logger, string connection, double milliseconds, int attempt);

    [LoggerMessage(3002, LogLevel.Warning, "Attempt {Attempt} to recover connection {Connection} failed: {Cause}. The next follows in {DelayMilliseconds:F0} ms.")]
    internal static partial void RecoveryFailed(ILogger logger, string connection, int attempt, string cause, double delayMilliseconds);

    [LoggerMessage(3003, LogLevel.Error, "An event handler of the application failed on connection {Connection}.")]
    internal static partial void HandlerFailed(ILogger logger, Exception error, string connection);
}
