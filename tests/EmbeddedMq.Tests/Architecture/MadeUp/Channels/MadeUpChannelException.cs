namespace EmbeddedMq.Tests.Architecture.MadeUp.Channels;

internal sealed class MadeUpChannelException : Exception;
