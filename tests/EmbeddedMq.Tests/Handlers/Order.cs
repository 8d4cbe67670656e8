namespace EmbeddedMq.Tests.Handlers;

/// <summary>A message of the tests.</summary>
public sealed record Order(string Id, string Customer = "", string Region = "eu");

/// <summary>An answer of the tests.</summary>
public sealed record OrderStatus(string Id, string Status);
